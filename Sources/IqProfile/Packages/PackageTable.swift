import H248

/// The packages of TS 29.334 that this implementation has, in one table. What an audit lists, what gets 440 and what gets 450 to 452 follow from it.
///
/// To add a package: a row here; its properties, events or signals where `TerminationCommand+Decode.swift` reads them.
package struct IqPackage: Hashable, Sendable {
    package var name: Name
    package var version: UInt16
    /// IANA's id, for the binary encoding.
    package var id: UInt16
    package var properties: [Name] = []
    package var events: [Name] = []
    package var signals: [Name] = []

    package static let all: [IqPackage] = [
        // H.248.1 E.1: releases of a bearer.
        IqPackage(name: "g", version: 1, id: 0x0001, events: ["cause"]),
        // H.248.1 E.2; U11.
        IqPackage(name: "root", version: 2, id: 0x0002),
        // H.248.37
        IqPackage(name: "ipnapt", version: 1, id: 0x0099, signals: ["latch"]),
        // H.248.43
        IqPackage(
            name: "gm", version: 2, id: 0x008C, properties: ["saf", "sam", "spf", "spr", "esas", "lsa"]),
        // H.248.53: accepted as long as policing is off.
        IqPackage(name: "tman", version: 1, id: 0x008D, properties: ["pol", "sdr", "pdr", "mbs", "dvt"]),
        // H.248.41
        IqPackage(name: "ipdc", version: 1, id: 0x009D, properties: ["realm"]),
        // H.248.36
        IqPackage(name: "hangterm", version: 1, id: 0x0098, events: ["thb"]),
        // H.248.52: best effort only.
        IqPackage(name: "ds", version: 2, id: 0x008B, properties: ["dscp", "tb"]),
    ]
}

package struct PackageTable: Hashable, Sendable {
    package var packages: [IqPackage]

    package init(_ provisional: ProvisionalValues = ProvisionalValues()) {
        packages = IqPackage.all
        guard provisional.usesConnectionPackages else { return }
        let names = [provisional.tcpPackage, provisional.tlsPackage, provisional.interlinkagePackage]
        for (name, id) in zip(names, ProvisionalValues.binaryPackageIDs) {
            var package = IqPackage(name: name, version: 1, id: id)
            if name != provisional.interlinkagePackage {
                package.events = [provisional.connectionEvent]
                package.signals = [provisional.connectionSignal]
            }
            packages.append(package)
        }
    }

    package var items: [PackageItem] { packages.map { PackageItem($0.name, $0.version) } }

    /// Refuses an item that no package of the table has: 440 for the package, `missing` for the item. `*` names whatever there is.
    func check(_ name: ItemName, _ items: KeyPath<IqPackage, [Name]>, missing: ErrorCode) throws(ErrorDescriptor) {
        guard let wanted = name.package else { return }
        guard let package = packages.first(where: { $0.name == wanted }) else {
            throw ErrorDescriptor(.unknownPackage, "\(wanted)")
        }
        guard let item = name.item else { return }
        guard package[keyPath: items].contains(item) else { throw ErrorDescriptor(missing, "\(name)") }
    }
}
