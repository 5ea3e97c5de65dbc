import Foundation
import FoundationXML
import NIOCore
import SIP
import WireSyntax

/// A document of the registration event package (RFC 3680 §5): which contacts of which identities the home network has registered, and which it has ended.
///
/// ```xml
///   <reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="1" state="partial">
///     <registration aor="sip:a@ims.lab" id="1" state="terminated">
///       <contact id="2" state="terminated" event="rejected"><uri>sip:u@127.4.0.1:40000</uri></contact>
///     </registration>
///   </reginfo>
/// ```
struct RegistrationInformation: Hashable, Sendable {
    struct Contact: Hashable, Sendable {
        var uri: URI
        var isActive: Bool
        /// `registered`, `shortened`, `expired`, `deactivated`, `rejected`, … in lower case.
        var event: String
        /// Seconds.
        var expires: Int64?
    }

    struct Element: Hashable, Sendable {
        var addressOfRecord: URI
        /// `terminated`; `init` and `active` are not.
        var isTerminated: Bool
        var contacts: [Contact] = []
    }

    static let contentType = "application/reginfo+xml"

    var version: UInt32
    var isFull: Bool
    var registrations: [Element] = []

    /// What a document may hold; beyond, it is refused as a whole.
    enum Limits {
        /// Octets.
        static let length = 65_536
        static let elements = 512
        static let depth = 8
        /// Octets of one URI.
        static let uri = 1024
    }

    /// - Throws: what is wrong. No document type, no entity but those of XML itself, UTF-8 only: nothing outside of the document is ever read.
    init(_ body: ByteBuffer) throws(SyntaxError) {
        guard body.readableBytes <= Limits.length else { throw SyntaxError("the document is too long") }
        guard let text = String(validating: body.readableBytesView, as: UTF8.self), !text.contains("\0") else {
            throw SyntaxError("the document is not UTF-8")
        }
        guard !text.contains("<!DOCTYPE"), !text.contains("<!ENTITY") else {
            throw SyntaxError("the document declares a type or entities")
        }
        if let declaration = text.range(of: "?>").map({ text[..<$0.lowerBound].lowercased() }),
            declaration.contains("encoding"), !declaration.contains("utf-8")
        {
            throw SyntaxError("the document is not UTF-8")
        }
        let reader = Reader()
        let parser = XMLParser(data: Data(text.utf8))
        parser.shouldProcessNamespaces = true
        parser.shouldResolveExternalEntities = false
        parser.delegate = reader
        let isComplete = parser.parse()
        if let fault = reader.fault { throw SyntaxError(fault) }
        // The parser takes a document that is cut off for a whole one.
        guard isComplete, reader.isClosed, let result = reader.result else {
            throw SyntaxError("the document is not well-formed")
        }
        self = result
    }

    private init(version: UInt32, isFull: Bool) {
        self.version = version
        self.isFull = isFull
    }

    private final class Reader: XMLParserDelegate {
        var result: RegistrationInformation?
        var fault: String?
        var isClosed = false
        private var depth = 0
        private var elements = 0
        private var element: Element?
        private var contact: [String: String]?
        private var uri: String?
        private var isInURI = false

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            depth += 1
            elements += 1
            guard elements <= Limits.elements, depth <= Limits.depth else { return fail(parser, "too many elements") }
            switch (depth, name) {
            case (1, "reginfo"):
                guard let version = attributes["version"].flatMap({ UInt32($0) }) else {
                    return fail(parser, "reginfo without a version")
                }
                result = RegistrationInformation(version: version, isFull: attributes["state"] == "full")
            case (1, _): fail(parser, "not a reginfo document")
            case (2, "registration"):
                guard let aor = attributes["aor"], aor.utf8.count <= Limits.uri, let identity = try? URI(aor) else {
                    return fail(parser, "registration without a readable aor")
                }
                element = Element(addressOfRecord: identity, isTerminated: attributes["state"] == "terminated")
            case (3, "contact") where element != nil:
                contact = attributes
                uri = nil
            case (4, "uri") where contact != nil:
                isInURI = true
                uri = ""
            default: break
            }
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) {
            guard isInURI else { return }
            uri = (uri ?? "") + string
            if (uri?.utf8.count ?? 0) > Limits.uri { fail(parser, "a contact's URI is too long") }
        }

        func parser(
            _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
        ) {
            defer { depth -= 1 }
            switch (depth, name) {
            case (1, _): isClosed = true
            case (4, "uri"): isInURI = false
            case (3, "contact"):
                // A contact whose URI cannot be read cannot be one of ours.
                if let contact, let text = uri?.trimmingCharacters(in: .whitespacesAndNewlines),
                    let uri = try? URI(text)
                {
                    element?.contacts.append(
                        Contact(
                            uri: uri, isActive: contact["state"] == "active",
                            event: contact["event"]?.lowercased() ?? "",
                            expires: contact["expires"].flatMap { Int64($0) }))
                }
                contact = nil
            case (2, "registration"):
                if let element { result?.registrations.append(element) }
                element = nil
            default: break
            }
        }

        private func fail(_ parser: XMLParser, _ reason: String) {
            if fault == nil { fault = reason }
            parser.abortParsing()
        }
    }
}

extension RegistrationInformation {
    /// Whether the home network has ended this contact, for one of these identities, and holds it for none.
    func hasEnded(_ contact: URI, of identities: [URI]) -> Bool {
        let entries = contacts(of: identities).filter { $0.uri.isEquivalent(to: contact) }
        return !entries.isEmpty && entries.allSatisfy { !$0.isActive }
    }

    /// Seconds that a contact still has, where its registration was shortened (TS 24.229 §5.2.3).
    func shortened(_ contact: URI, of identities: [URI]) -> Int64? {
        contacts(of: identities).first { $0.isActive && $0.event == "shortened" && $0.uri.isEquivalent(to: contact) }?
            .expires
    }

    /// Identities that are not registered any more.
    var endedIdentities: [URI] { registrations.filter(\.isTerminated).map(\.addressOfRecord) }

    private func contacts(of identities: [URI]) -> [Contact] {
        registrations.filter { element in
            identities.contains { $0.isSameIdentity(as: element.addressOfRecord) }
        }.flatMap(\.contacts)
    }
}
