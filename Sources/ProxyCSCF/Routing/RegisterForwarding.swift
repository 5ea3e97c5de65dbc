import SIP

extension Request {
    /// A UE's REGISTER on its way to the registrar (TS 24.229 §5.2.2.1): nothing that only the trust domain says comes from the UE, and what this function says
    /// of itself is put in. Path and `Require: path` are there already (`RegistrationStore`).
    ///
    /// - Parameters:
    ///   - visitedNetwork: names this network to the home network (RFC 7315 §4.3).
    ///   - chargingVector: P-Charging-Vector.
    func toRegistrar(visitedNetwork: String, chargingVector: String) -> Request {
        var forwarded = self
        for name in Hygiene.asserted where name != .path { forwarded.headers.remove(name) }
        // RFC 3261 §10.2: a UE's Route led here; where it goes on is not the UE's to say.
        forwarded.headers.setRoutes([])
        forwarded.headers.remove(.recordRoute)
        forwarded.headers.set(.maxForwards, to: "\(max((headers.maxForwards ?? 71) - 1, 0))")
        forwarded.headers.append(
            .pVisitedNetworkID, Self.isToken(visitedNetwork) ? visitedNetwork : quoted(visitedNetwork))
        forwarded.headers.append(.pChargingVector, chargingVector)
        return forwarded
    }

    /// RFC 3261 §25.1 `token`.
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { octet in
                switch octet {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "-.!%*_+`'~".utf8.contains(octet)
                }
            }
    }
}
