import ApplicationLevelGateway
import MediaSecurity
import NIOCore
import SDP
import Testing
import WireSyntax

/// SHA-256 fingerprints that can be told apart.
let ueFingerprint = Fingerprint(hash: .sha256, octets: Array(repeating: 0xA1, count: 32))
let coreFingerprint = Fingerprint(hash: .sha256, octets: Array(repeating: 0xC0, count: 32))
let gatewayFingerprint = Fingerprint(hash: .sha256, octets: Array(repeating: 0x66, count: 32))

let uePath = "msrps://192.0.2.7:9/ue;tcp"
let corePath = "msrp://198.51.100.9:4000/core;tcp"
let gatewayAccess = Host("203.0.113.1")
let gatewayCore = Host("203.0.113.129")

/// A description of these m= sections.
func description(_ media: [String]..., session: [String] = [], address: String = "192.0.2.7") throws
    -> SessionDescription
{
    let lines = ["v=0", "o=- 7 1 IN IP4 \(address)", "s=-", "c=IN IP4 \(address)", "t=0 0"] + session + media.joined()
    return try SessionDescription(octets: ByteBuffer(string: lines.map { $0 + "\r\n" }.joined()))
}

/// m= sections of an MSRP line.
enum Section {
    static let types = "a=accept-types:message/cpim text/plain"

    static func plain(_ path: String = corePath, setup: String? = "actpass", port: Int = 4000, more: [String] = [])
        -> [String]
    {
        ["m=message \(port) TCP/MSRP *", types, "a=path:\(path)"] + (setup.map { ["a=setup:\($0)"] } ?? []) + more
    }

    static func tls(
        _ path: String = uePath, setup: String? = "actpass", fingerprint: Fingerprint? = ueFingerprint,
        port: Int = 7000,
        more: [String] = []
    ) -> [String] {
        ["m=message \(port) TCP/TLS/MSRP *", types, "a=path:\(path)"] + (setup.map { ["a=setup:\($0)"] } ?? [])
            + (fingerprint.map { ["a=fingerprint:\($0)"] } ?? []) + more
    }

    static func requested(setup: String = "actpass", port: Int = 7000, more: [String] = []) -> [String] {
        tls(setup: setup, port: port, more: ["a=3ge2ae:requested"] + more)
    }

    static let endToEnd = tls(fingerprint: nil, more: ["a=key-mgmt:mikey AAAA"])
    static let audio = ["m=audio 49170 RTP/AVP 0", "a=rtpmap:0 PCMU/8000"]
}

/// A `CallMedia` with a gateway that answers at once, or when told.
struct Call {
    var media: CallMedia
    var answersAtOnce = true
    /// The failures of the next reservations; nil stands for a success.
    var nextReservations: [GatewayFailure?] = []
    var nextConfiguration: GatewayFailure?

    var decisions: [Decision] = []
    var requests: [[TerminationRequest]] = []
    var changes: [(TerminationHandle, TerminationChange)] = []
    var reserved: [ContextHandle] = []
    var released: [ContextHandle] = []
    var forwarded: [(description: SessionDescription?, side: OfferSide, token: UInt64)] = []
    var refused: [CallMedia.Refusal] = []
    var failures: [CallMedia.FailureCause] = []
    /// Procedures without a reply.
    var open: [CallMedia.Action] = []
    private var token: UInt64 = 0

    init(u: Bool = true, n: Bool = true, _ change: (inout CallMediaSettings) -> Void = { _ in }) {
        var settings = CallMediaSettings(ueIndicated: u, networkIndicated: n, ueSource: IPAddress("192.0.2.99"))
        change(&settings)
        media = CallMedia(settings: settings)
    }

    mutating func offer(_ description: SessionDescription, from side: OfferSide, isInResponse: Bool = false) {
        token += 1
        media.offer(description, from: side, isInResponse: isInResponse, token: token)
        run()
    }

    mutating func answer(
        _ description: SessionDescription, from side: OfferSide, branch: String = "b", early: Bool = false
    ) {
        token += 1
        media.answer(description, from: side, branch: branch, isFinal: !early, token: token)
        run()
    }

    mutating func accepted(from side: OfferSide, branch: String = "b") {
        token += 1
        media.accepted(from: side, branch: branch, token: token)
        run()
    }

    mutating func notify(_ termination: TerminationHandle?, _ event: TerminationEvent) {
        guard let termination else { return }
        media.gatewayNotified(termination, event)
        run()
    }

    mutating func fallBack() {
        token += 1
        media.fallBack(token: token)
        run()
    }

    mutating func offerFailed() {
        media.offerFailed()
        run()
    }

    mutating func end() {
        media.released()
        run()
    }

    mutating func run() {
        while let action = media.nextAction() {
            switch action {
            case .decided(let decision, _, _): decisions.append(decision)
            case .reserve(_, let terminations):
                requests.append(terminations)
                open.append(action)
            case .configure(_, let termination, let change):
                changes.append((termination, change))
                open.append(action)
            case .release(let context): released.append(context)
            case .forward(let description, let side, let token): forwarded.append((description, side, token))
            case .refuse(_, let refusal): refused.append(refusal)
            case .fail(let cause): failures.append(cause)
            }
            if answersAtOnce { while !open.isEmpty { reply() } }
        }
    }

    /// The gateway's reply to the oldest procedure, or to another one.
    mutating func reply(_ index: Int = 0) {
        guard open.indices.contains(index) else { return }
        switch open.remove(at: index) {
        case .reserve(let id, let terminations):
            if let failure = nextReservations.isEmpty ? nil : nextReservations.removeFirst() {
                media.gatewayReplied(id, .failure(failure))
            } else {
                media.gatewayReplied(id, .success(reserve(terminations)))
            }
        case .configure(let id, _, _):
            media.gatewayReplied(id, nextConfiguration.map { .failure($0) } ?? .success([]))
        default: break
        }
        if !answersAtOnce { run() }
    }

    private mutating func reserve(_ terminations: [TerminationRequest]) -> [ReservedTermination] {
        let context = ContextHandle(gateway: "agw", context: UInt32(reserved.count + 1))
        reserved.append(context)
        return terminations.map { request in
            let host = request.realm == .access ? gatewayAccess : gatewayCore
            let endpoint = Endpoint(host?.address ?? .v4(0), UInt16(20_000 + reserved.count))
            let scheme = request.transport.isTLS ? "msrps" : "msrp"
            return ReservedTermination(
                handle: TerminationHandle(context: context, name: "ip/1/\(request.realm.rawValue)/\(reserved.count)"),
                local: LocalDescription(
                    endpoint: endpoint, role: request.local.role,
                    path: request.transport.isAware ? "\(scheme)://\(endpoint)/gw\(reserved.count);tcp" : nil,
                    fingerprints: request.local.fingerprintHashes.isEmpty ? [] : [gatewayFingerprint]))
        }
    }

    /// The last description sent to this side.
    func last(to side: OfferSide) -> SessionDescription? { forwarded.last { $0.side == side }?.description }

    /// The view of its line.
    func line(to side: OfferSide, _ index: Int = 0) throws -> MSRPMedia {
        let description = try #require(last(to: side))
        return try #require(description.messageMedia(at: index))
    }
}
