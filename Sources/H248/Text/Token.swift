/// The tokens of RFC 3525 Annex B.2, each with a long and a short spelling, in any case.
public enum Token: UInt8, Hashable, Sendable, CaseIterable {
    case add
    case audit
    case auditCapability
    case auditValue
    case authentication
    case bothWay
    case brief
    case buffer
    case context
    case contextAudit
    case digitMap
    case disconnected
    case delay
    case duration
    case embed
    case emergency
    case error
    case eventBuffer
    case events
    case failover
    case forced
    case graceful
    case h221
    case h223
    case h226
    case handoff
    case immAckRequired
    case inactive
    case isolate
    case inService
    case interruptByEvent
    case interruptByNewSignals
    case keepActive
    case local
    case localControl
    case lockStep
    case loopback
    case media
    case megaco
    case method
    case controllerToTry
    case mode
    case modify
    case modem
    case move
    case mtp
    case mux
    case notify
    case notifyCompletion
    case observedEvents
    case oneWay
    case onOff
    case otherReason
    case outOfService
    case packages
    case pending
    case priority
    case profile
    case reason
    case receiveOnly
    case reply
    case restart
    case remote
    case reservedGroup
    case reservedValue
    case sendOnly
    case sendReceive
    case services
    case serviceStates
    case serviceChange
    case serviceChangeAddress
    case signalList
    case signals
    case signalType
    case statistics
    case stream
    case subtract
    case synchISDN
    case terminationState
    case test
    case timeOut
    case topology
    case transaction
    case responseAck
    case v18
    case v22
    case v22bis
    case v32
    case v32bis
    case v34
    case v76
    case v90
    case v91
    case version

    /// Both spellings; equal where B.2 has one only.
    var spellings: (long: StaticString, short: StaticString) {
        switch self {
        case .add: ("Add", "A")
        case .audit: ("Audit", "AT")
        case .auditCapability: ("AuditCapability", "AC")
        case .auditValue: ("AuditValue", "AV")
        case .authentication: ("Authentication", "AU")
        case .bothWay: ("Bothway", "BW")
        case .brief: ("Brief", "BR")
        case .buffer: ("Buffer", "BF")
        case .context: ("Context", "C")
        case .contextAudit: ("ContextAudit", "CA")
        case .digitMap: ("DigitMap", "DM")
        case .disconnected: ("Disconnected", "DC")
        case .delay: ("Delay", "DL")
        case .duration: ("Duration", "DR")
        case .embed: ("Embed", "EM")
        case .emergency: ("Emergency", "EG")
        case .error: ("Error", "ER")
        case .eventBuffer: ("EventBuffer", "EB")
        case .events: ("Events", "E")
        case .failover: ("Failover", "FL")
        case .forced: ("Forced", "FO")
        case .graceful: ("Graceful", "GR")
        case .h221: ("H221", "H221")
        case .h223: ("H223", "H223")
        case .h226: ("H226", "H226")
        case .handoff: ("HandOff", "HO")
        case .immAckRequired: ("ImmAckRequired", "IA")
        case .inactive: ("Inactive", "IN")
        case .isolate: ("Isolate", "IS")
        case .inService: ("InService", "IV")
        case .interruptByEvent: ("IntByEvent", "IBE")
        case .interruptByNewSignals: ("IntBySigDescr", "IBS")
        case .keepActive: ("KeepActive", "KA")
        case .local: ("Local", "L")
        case .localControl: ("LocalControl", "O")
        case .lockStep: ("LockStep", "SP")
        case .loopback: ("Loopback", "LB")
        case .media: ("Media", "M")
        case .megaco: ("MEGACO", "!")
        case .method: ("Method", "MT")
        case .controllerToTry: ("MgcIdToTry", "MG")
        case .mode: ("Mode", "MO")
        case .modify: ("Modify", "MF")
        case .modem: ("Modem", "MD")
        case .move: ("Move", "MV")
        case .mtp: ("MTP", "MTP")
        case .mux: ("Mux", "MX")
        case .notify: ("Notify", "N")
        case .notifyCompletion: ("NotifyCompletion", "NC")
        case .observedEvents: ("ObservedEvents", "OE")
        case .oneWay: ("Oneway", "OW")
        case .onOff: ("OnOff", "OO")
        case .otherReason: ("OtherReason", "OR")
        case .outOfService: ("OutOfService", "OS")
        case .packages: ("Packages", "PG")
        case .pending: ("Pending", "PN")
        case .priority: ("Priority", "PR")
        case .profile: ("Profile", "PF")
        case .reason: ("Reason", "RE")
        case .receiveOnly: ("ReceiveOnly", "RC")
        case .reply: ("Reply", "P")
        case .restart: ("Restart", "RS")
        case .remote: ("Remote", "R")
        case .reservedGroup: ("ReservedGroup", "RG")
        case .reservedValue: ("ReservedValue", "RV")
        case .sendOnly: ("SendOnly", "SO")
        case .sendReceive: ("SendReceive", "SR")
        case .services: ("Services", "SV")
        case .serviceStates: ("ServiceStates", "SI")
        case .serviceChange: ("ServiceChange", "SC")
        case .serviceChangeAddress: ("ServiceChangeAddress", "AD")
        case .signalList: ("SignalList", "SL")
        case .signals: ("Signals", "SG")
        case .signalType: ("SignalType", "SY")
        case .statistics: ("Statistics", "SA")
        case .stream: ("Stream", "ST")
        case .subtract: ("Subtract", "S")
        case .synchISDN: ("SynchISDN", "SN")
        case .terminationState: ("TerminationState", "TS")
        case .test: ("Test", "TE")
        case .timeOut: ("TimeOut", "TO")
        case .topology: ("Topology", "TP")
        case .transaction: ("Transaction", "T")
        case .responseAck: ("TransactionResponseAck", "K")
        case .v18: ("V18", "V18")
        case .v22: ("V22", "V22")
        case .v22bis: ("V22b", "V22b")
        case .v32: ("V32", "V32")
        case .v32bis: ("V32b", "V32b")
        case .v34: ("V34", "V34")
        case .v76: ("V76", "V76")
        case .v90: ("V90", "V90")
        case .v91: ("V91", "V91")
        case .version: ("Version", "V")
        }
    }

    /// The long spelling, for people.
    public var name: String { "\(spellings.long)" }
}

extension Token {
    /// The token that these octets spell, long or short, in any case: one switch on length and first letter, then one comparison a candidate.
    @inline(__always)
    init?(_ octets: UnsafeRawBufferPointer.SubSequence) {
        guard let token = Token.lookUp(octets) else { return nil }
        self = token
    }

    private static func lookUp(_ octets: UnsafeRawBufferPointer.SubSequence) -> Token? {
        guard let first = octets.first, octets.count < 32 else { return nil }
        func matches(_ word: StaticString) -> Bool {
            // The key of the switch has compared the lengths.
            word.withUTF8Buffer { word in
                var index = octets.startIndex
                for octet in word {
                    guard folded(octets[index]) == octet else { return false }
                    index += 1
                }
                return true
            }
        }
        switch octets.count << 8 | Int(folded(first)) {
        case 0x0121:  // 1, !
            if matches("!") { return .megaco }
        case 0x0161:  // 1, a
            if matches("a") { return .add }
        case 0x0163:  // 1, c
            if matches("c") { return .context }
        case 0x0165:  // 1, e
            if matches("e") { return .events }
        case 0x016B:  // 1, k
            if matches("k") { return .responseAck }
        case 0x016C:  // 1, l
            if matches("l") { return .local }
        case 0x016D:  // 1, m
            if matches("m") { return .media }
        case 0x016E:  // 1, n
            if matches("n") { return .notify }
        case 0x016F:  // 1, o
            if matches("o") { return .localControl }
        case 0x0170:  // 1, p
            if matches("p") { return .reply }
        case 0x0172:  // 1, r
            if matches("r") { return .remote }
        case 0x0173:  // 1, s
            if matches("s") { return .subtract }
        case 0x0174:  // 1, t
            if matches("t") { return .transaction }
        case 0x0176:  // 1, v
            if matches("v") { return .version }
        case 0x0261:  // 2, a
            if matches("at") { return .audit }
            if matches("ac") { return .auditCapability }
            if matches("av") { return .auditValue }
            if matches("au") { return .authentication }
            if matches("ad") { return .serviceChangeAddress }
        case 0x0262:  // 2, b
            if matches("bw") { return .bothWay }
            if matches("br") { return .brief }
            if matches("bf") { return .buffer }
        case 0x0263:  // 2, c
            if matches("ca") { return .contextAudit }
        case 0x0264:  // 2, d
            if matches("dm") { return .digitMap }
            if matches("dc") { return .disconnected }
            if matches("dl") { return .delay }
            if matches("dr") { return .duration }
        case 0x0265:  // 2, e
            if matches("em") { return .embed }
            if matches("eg") { return .emergency }
            if matches("er") { return .error }
            if matches("eb") { return .eventBuffer }
        case 0x0266:  // 2, f
            if matches("fl") { return .failover }
            if matches("fo") { return .forced }
        case 0x0267:  // 2, g
            if matches("gr") { return .graceful }
        case 0x0268:  // 2, h
            if matches("ho") { return .handoff }
        case 0x0269:  // 2, i
            if matches("ia") { return .immAckRequired }
            if matches("in") { return .inactive }
            if matches("is") { return .isolate }
            if matches("iv") { return .inService }
        case 0x026B:  // 2, k
            if matches("ka") { return .keepActive }
        case 0x026C:  // 2, l
            if matches("lb") { return .loopback }
        case 0x026D:  // 2, m
            if matches("mt") { return .method }
            if matches("mg") { return .controllerToTry }
            if matches("mo") { return .mode }
            if matches("mf") { return .modify }
            if matches("md") { return .modem }
            if matches("mv") { return .move }
            if matches("mx") { return .mux }
        case 0x026E:  // 2, n
            if matches("nc") { return .notifyCompletion }
        case 0x026F:  // 2, o
            if matches("oe") { return .observedEvents }
            if matches("ow") { return .oneWay }
            if matches("oo") { return .onOff }
            if matches("or") { return .otherReason }
            if matches("os") { return .outOfService }
        case 0x0270:  // 2, p
            if matches("pg") { return .packages }
            if matches("pn") { return .pending }
            if matches("pr") { return .priority }
            if matches("pf") { return .profile }
        case 0x0272:  // 2, r
            if matches("re") { return .reason }
            if matches("rc") { return .receiveOnly }
            if matches("rs") { return .restart }
            if matches("rg") { return .reservedGroup }
            if matches("rv") { return .reservedValue }
        case 0x0273:  // 2, s
            if matches("sp") { return .lockStep }
            if matches("so") { return .sendOnly }
            if matches("sr") { return .sendReceive }
            if matches("sv") { return .services }
            if matches("si") { return .serviceStates }
            if matches("sc") { return .serviceChange }
            if matches("sl") { return .signalList }
            if matches("sg") { return .signals }
            if matches("sy") { return .signalType }
            if matches("sa") { return .statistics }
            if matches("st") { return .stream }
            if matches("sn") { return .synchISDN }
        case 0x0274:  // 2, t
            if matches("ts") { return .terminationState }
            if matches("te") { return .test }
            if matches("to") { return .timeOut }
            if matches("tp") { return .topology }
        case 0x0361:  // 3, a
            if matches("add") { return .add }
        case 0x0369:  // 3, i
            if matches("ibe") { return .interruptByEvent }
            if matches("ibs") { return .interruptByNewSignals }
        case 0x036D:  // 3, m
            if matches("mtp") { return .mtp }
            if matches("mux") { return .mux }
        case 0x0376:  // 3, v
            if matches("v18") { return .v18 }
            if matches("v22") { return .v22 }
            if matches("v32") { return .v32 }
            if matches("v34") { return .v34 }
            if matches("v76") { return .v76 }
            if matches("v90") { return .v90 }
            if matches("v91") { return .v91 }
        case 0x0468:  // 4, h
            if matches("h221") { return .h221 }
            if matches("h223") { return .h223 }
            if matches("h226") { return .h226 }
        case 0x046D:  // 4, m
            if matches("mode") { return .mode }
            if matches("move") { return .move }
        case 0x0474:  // 4, t
            if matches("test") { return .test }
        case 0x0476:  // 4, v
            if matches("v22b") { return .v22bis }
            if matches("v32b") { return .v32bis }
        case 0x0561:  // 5, a
            if matches("audit") { return .audit }
        case 0x0562:  // 5, b
            if matches("brief") { return .brief }
        case 0x0564:  // 5, d
            if matches("delay") { return .delay }
        case 0x0565:  // 5, e
            if matches("embed") { return .embed }
            if matches("error") { return .error }
        case 0x056C:  // 5, l
            if matches("local") { return .local }
        case 0x056D:  // 5, m
            if matches("media") { return .media }
            if matches("modem") { return .modem }
        case 0x056F:  // 5, o
            if matches("onoff") { return .onOff }
        case 0x0572:  // 5, r
            if matches("reply") { return .reply }
        case 0x0662:  // 6, b
            if matches("buffer") { return .buffer }
        case 0x0665:  // 6, e
            if matches("events") { return .events }
        case 0x0666:  // 6, f
            if matches("forced") { return .forced }
        case 0x066D:  // 6, m
            if matches("megaco") { return .megaco }
            if matches("method") { return .method }
            if matches("modify") { return .modify }
        case 0x066E:  // 6, n
            if matches("notify") { return .notify }
        case 0x066F:  // 6, o
            if matches("oneway") { return .oneWay }
        case 0x0672:  // 6, r
            if matches("reason") { return .reason }
            if matches("remote") { return .remote }
        case 0x0673:  // 6, s
            if matches("stream") { return .stream }
        case 0x0762:  // 7, b
            if matches("bothway") { return .bothWay }
        case 0x0763:  // 7, c
            if matches("context") { return .context }
        case 0x0768:  // 7, h
            if matches("handoff") { return .handoff }
        case 0x0769:  // 7, i
            if matches("isolate") { return .isolate }
        case 0x0770:  // 7, p
            if matches("pending") { return .pending }
            if matches("profile") { return .profile }
        case 0x0772:  // 7, r
            if matches("restart") { return .restart }
        case 0x0773:  // 7, s
            if matches("signals") { return .signals }
        case 0x0774:  // 7, t
            if matches("timeout") { return .timeOut }
        case 0x0776:  // 7, v
            if matches("version") { return .version }
        case 0x0864:  // 8, d
            if matches("digitmap") { return .digitMap }
            if matches("duration") { return .duration }
        case 0x0866:  // 8, f
            if matches("failover") { return .failover }
        case 0x0867:  // 8, g
            if matches("graceful") { return .graceful }
        case 0x0869:  // 8, i
            if matches("inactive") { return .inactive }
        case 0x086C:  // 8, l
            if matches("lockstep") { return .lockStep }
            if matches("loopback") { return .loopback }
        case 0x0870:  // 8, p
            if matches("packages") { return .packages }
            if matches("priority") { return .priority }
        case 0x0873:  // 8, s
            if matches("sendonly") { return .sendOnly }
            if matches("services") { return .services }
            if matches("subtract") { return .subtract }
        case 0x0874:  // 8, t
            if matches("topology") { return .topology }
        case 0x0965:  // 9, e
            if matches("emergency") { return .emergency }
        case 0x0969:  // 9, i
            if matches("inservice") { return .inService }
        case 0x0973:  // 9, s
            if matches("synchisdn") { return .synchISDN }
        case 0x0A61:  // 10, a
            if matches("auditvalue") { return .auditValue }
        case 0x0A69:  // 10, i
            if matches("intbyevent") { return .interruptByEvent }
        case 0x0A6B:  // 10, k
            if matches("keepactive") { return .keepActive }
        case 0x0A6D:  // 10, m
            if matches("mgcidtotry") { return .controllerToTry }
        case 0x0A73:  // 10, s
            if matches("signallist") { return .signalList }
            if matches("signaltype") { return .signalType }
            if matches("statistics") { return .statistics }
        case 0x0B65:  // 11, e
            if matches("eventbuffer") { return .eventBuffer }
        case 0x0B6F:  // 11, o
            if matches("otherreason") { return .otherReason }
        case 0x0B72:  // 11, r
            if matches("receiveonly") { return .receiveOnly }
        case 0x0B73:  // 11, s
            if matches("sendreceive") { return .sendReceive }
        case 0x0B74:  // 11, t
            if matches("transaction") { return .transaction }
        case 0x0C63:  // 12, c
            if matches("contextaudit") { return .contextAudit }
        case 0x0C64:  // 12, d
            if matches("disconnected") { return .disconnected }
        case 0x0C6C:  // 12, l
            if matches("localcontrol") { return .localControl }
        case 0x0C6F:  // 12, o
            if matches("outofservice") { return .outOfService }
        case 0x0D69:  // 13, i
            if matches("intbysigdescr") { return .interruptByNewSignals }
        case 0x0D72:  // 13, r
            if matches("reservedgroup") { return .reservedGroup }
            if matches("reservedvalue") { return .reservedValue }
        case 0x0D73:  // 13, s
            if matches("servicestates") { return .serviceStates }
            if matches("servicechange") { return .serviceChange }
        case 0x0E61:  // 14, a
            if matches("authentication") { return .authentication }
        case 0x0E69:  // 14, i
            if matches("immackrequired") { return .immAckRequired }
        case 0x0E6F:  // 14, o
            if matches("observedevents") { return .observedEvents }
        case 0x0F61:  // 15, a
            if matches("auditcapability") { return .auditCapability }
        case 0x106E:  // 16, n
            if matches("notifycompletion") { return .notifyCompletion }
        case 0x1074:  // 16, t
            if matches("terminationstate") { return .terminationState }
        case 0x1473:  // 20, s
            if matches("servicechangeaddress") { return .serviceChangeAddress }
        case 0x1674:  // 22, t
            if matches("transactionresponseack") { return .responseAck }
        default: break
        }
        return nil
    }
}
