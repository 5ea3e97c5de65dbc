import ApplicationLevelGateway
import Foundation
import MediaSecurity
import SDP
import Testing

/// A row of Tests/Tables/decisions.tsv.
struct OfferRow: Sendable, CustomStringConvertible {
    let fields: [String]
    var description: String { fields.joined(separator: " ") }

    static let all: [OfferRow] = {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Tables/decisions.tsv")
        guard let text = try? String(contentsOf: path, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }
            .map { OfferRow(fields: $0.split(separator: "\t").map(String.init)) }
    }()

    private func values(_ column: Int, of all: [String]) -> [String] {
        fields[column] == "*" ? all : fields[column].split(separator: ",").map(String.init)
    }

    struct Case: Hashable { var un: String, rcs51: RCS51Option, capable: Bool, strict: Bool, u4: UnhonouredRequest }

    /// Every combination that the row speaks of.
    var cases: [Case] {
        var result: [Case] = []
        for un in values(2, of: ["11", "10", "01", "00"]) {
            for rcs51 in values(3, of: RCS51Option.allCases.map(\.rawValue)).compactMap(RCS51Option.init) {
                for capable in values(4, of: ["yes", "no"]) {
                    for strict in values(5, of: ["yes", "no"]) {
                        for u4 in values(6, of: ["transparent", "reject"]).compactMap(UnhonouredRequest.init) {
                            result.append(
                                Case(un: un, rcs51: rcs51, capable: capable == "yes", strict: strict == "yes", u4: u4))
                        }
                    }
                }
            }
        }
        return result
    }

    var side: OfferSide { fields[1] == "originating" ? .ue : .core }

    var section: [String] {
        let path = side == .ue ? uePath : corePath
        return switch fields[7] {
        case "K1": Section.plain(path)
        case "K2": Section.tls(path, more: ["a=3ge2ae:requested"])
        case "K3": Section.tls(path)
        case "K4": Section.endToEnd
        case "K5": Section.plain(path, more: ["a=3ge2ae:requested"])
        default: Section.tls(path, fingerprint: nil)
        }
    }
}

@Suite struct DecisionRowsTests {
    @Test("media-security 4.1, 4.2, 6: each row of the table, with its reason", arguments: OfferRow.all)
    func row(_ row: OfferRow) throws {
        for one in row.cases {
            var call = Call(u: one.un.hasPrefix("1"), n: one.un.hasSuffix("1")) {
                $0.rcs51 = one.rcs51
                $0.strict = one.strict
                $0.unhonouredRequest = one.u4
            }
            call.media.gatewayCapable = one.capable
            call.offer(try description(row.section), from: row.side)
            let decision = try #require(call.decisions.last)
            #expect(decision.outcome.rawValue == row.fields[8] && decision.reason == row.fields[11], "\(one)")
            let status = call.refused.first.map { "\($0.status)" } ?? "-"
            #expect(status == row.fields[10], "\(one)")
            let sent = try call.last(to: row.side.other).map { _ in try call.line(to: row.side.other) }
            #expect((sent?.media.proto ?? "-") == row.fields[9], "\(one)")
            // 3ge2ae never crosses; `applied` is ours, where both indicated.
            #expect(
                sent?.threeGE2AE == (row.side == .core && one.un == "11" && row.fields[8] == "e2ae" ? .applied : nil))
            if status != "-" { #expect(call.forwarded.isEmpty && call.media.isIdle) }
        }
    }

    @Test("the table leaves out nothing but the RCS 5.1 rows of a request on plain MSRP from the core")
    func complete() {
        #expect(!OfferRow.all.isEmpty && OfferRow.all.allSatisfy { $0.fields.count == 12 })
        for direction in ["originating", "terminating"] {
            for kind in ["K1", "K2", "K3", "K4", "K5", "K6"] {
                let rows = OfferRow.all.filter { $0.fields[1] == direction && $0.fields[7] == kind }
                let cases = rows.flatMap(\.cases)
                #expect(Set(cases).count == cases.count, "\(direction) \(kind): two rows say something")
                let expected = direction == "terminating" && kind == "K5" ? 3 * 2 * 8 : 4 * 4 * 8
                #expect(cases.count == expected, "\(direction) \(kind)")
            }
        }
    }
}
