import ApplicationLevelGateway
import ArgumentParser
import FoundationEssentials
import Lab
import MediaSecurity
import NIOCore
import SDP
import WireSyntax

extension OfferDirection: ExpressibleByArgument {}
extension RCS51Option: ExpressibleByArgument {}

/// What e2ae would make of an offer, without a network.
struct DecideCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decide", abstract: "Say what e2ae would make of an offer, and show the SDP of both legs.",
        discussion: """
            The decision of TS 33.328 with its reason and clause, and the SDP as it would be with a gateway that \
            grants everything. Exits 0, or 1 where the SDP is malformed.
            """)

    @Argument(help: "The file with the SDP of the offer; - for standard input.")
    var offer: String

    @Option(help: "originating: from the served UE; terminating: to it.")
    var direction: OfferDirection = .originating

    @Flag(help: "U: the UE indicated msrp-tls when it registered.")
    var ueIndicated = false

    @Flag(help: "N: the network indicated msrp-tls in that registration.")
    var networkOffers = false

    @Option(help: "R: the RCS 5.1 option of this UE, for offers from it, to it, or both.")
    var rcs51 = RCS51Option.off

    @Flag(help: "The UE refuses TLS that it is offered under R, and policy allows the fall-back: show that offer.")
    var rcs51Fallback = false

    @Flag(help: "Refuse plain MSRP from a UE that indicated e2ae where the network did too.")
    var strict = false

    @Flag(help: "Refuse a request for e2ae that cannot be honoured, in place of passing its TLS through.")
    var rejectUnhonoured = false

    @Flag(help: "No gateway that can do e2ae is there.")
    var noCapableGateway = false

    @Flag(name: .customLong("allow-sha1"), help: "Count SHA-1 fingerprints as usable.")
    var allowSHA1 = false

    func run() throws {
        let octets = try InputFile.read(offer, limit: DecodeCommand.maximumSize)
        let session: SessionDescription
        do {
            session = try SessionDescription(octets: octets)
        } catch {
            throw DecodeCommand.failure(error, in: octets, file: offer)
        }
        var settings = CallMediaSettings(ueIndicated: ueIndicated, networkIndicated: networkOffers)
        settings.rcs51 = rcs51
        settings.allowsFallback = rcs51Fallback
        settings.strict = strict
        settings.unhonouredRequest = rejectUnhonoured ? .reject : .transparent
        settings.fingerprints = FingerprintPolicy(allowsSHA1: allowSHA1)
        let examination = OfferExamination(
            offer: session, direction: direction, settings: settings, gatewayCapable: !noCapableGateway,
            ueRefusesTLS: rcs51Fallback)
        Terminal.standardOutput(ProcessInfo.processInfo.environment).write(examination.description)
    }
}
