/// Error codes of H.248.8 as far as this implementation gives or expects them. Any number of one to four digits is carried.
public struct ErrorCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    public init(_ value: UInt16) { rawValue = value }
    public var description: String { String(rawValue) }

    public static let badRequest = ErrorCode(400)
    public static let protocolError = ErrorCode(401)
    public static let unauthorized = ErrorCode(402)
    public static let transactionSyntax = ErrorCode(403)
    public static let versionNotSupported = ErrorCode(406)
    public static let incorrectIdentifier = ErrorCode(410)
    public static let unknownContext = ErrorCode(411)
    public static let noContextIDs = ErrorCode(412)
    public static let tooManyTransactions = ErrorCode(413)
    public static let actionSyntax = ErrorCode(422)
    public static let unknownTermination = ErrorCode(430)
    public static let noTerminationMatched = ErrorCode(431)
    public static let outOfTerminationIDs = ErrorCode(432)
    public static let terminationAlreadyInContext = ErrorCode(433)
    public static let terminationNotInContext = ErrorCode(435)
    public static let unknownPackage = ErrorCode(440)
    public static let missingRemote = ErrorCode(441)
    public static let commandSyntax = ErrorCode(442)
    public static let unknownCommand = ErrorCode(443)
    public static let unknownDescriptor = ErrorCode(444)
    public static let unknownProperty = ErrorCode(445)
    public static let unknownParameter = ErrorCode(446)
    public static let illegalDescriptor = ErrorCode(447)
    public static let descriptorTwice = ErrorCode(448)
    public static let unsupportedValue = ErrorCode(449)
    public static let noSuchProperty = ErrorCode(450)
    public static let noSuchEvent = ErrorCode(451)
    public static let noSuchSignal = ErrorCode(452)
    public static let noSuchStatistic = ErrorCode(453)
    public static let noSuchParameterValue = ErrorCode(454)
    public static let illegalParameter = ErrorCode(455)
    public static let propertyTwice = ErrorCode(456)
    public static let missingParameter = ErrorCode(457)
    public static let unknownProfile = ErrorCode(461)
    public static let missingInformation = ErrorCode(472)
    public static let invalidSDP = ErrorCode(474)
    public static let internalError = ErrorCode(500)
    public static let notImplemented = ErrorCode(501)
    public static let notReady = ErrorCode(502)
    public static let serviceUnavailable = ErrorCode(503)
    public static let unauthorizedEntity = ErrorCode(504)
    public static let beforeServiceChangeReply = ErrorCode(505)
    public static let tooManyPending = ErrorCode(506)
    public static let insufficientResources = ErrorCode(510)
    public static let busy = ErrorCode(511)
    public static let unsupportedMode = ErrorCode(517)
    public static let responseTooLong = ErrorCode(533)
    public static let commandNotAllowed = ErrorCode(542)
    public static let doesNotExist = ErrorCode(581)
}

/// errorDescriptor (RFC 3525 §7.3, B.2): a code and an optional text.
public struct ErrorDescriptor: Hashable, Sendable, Error, CustomStringConvertible {
    public var code: ErrorCode
    public var text: String?

    public init(_ code: ErrorCode, _ text: String? = nil) {
        self.code = code
        self.text = text
    }

    public var description: String { "Error \(code)" + (text.map { " (\($0))" } ?? "") }
}
