// swift-tools-version: 6.2
// The module arrows of docs/architecture.md, as targets: an arrow only ever points down.
import PackageDescription

/// Warnings are errors in CI. An environment variable, not a flag, so that one build folder serves both.
let warningsAreErrors = Context.environment["SALLYPORT_WARNINGS_AS_ERRORS"] == "1"

let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [], resources: [Resource] = [])
    -> Target
{
    .testTarget(
        name: name, dependencies: dependencies, exclude: exclude, resources: resources, swiftSettings: settings)
}

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioTestUtils = Target.Dependency.product(name: "NIOTestUtils", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "sallyport",
    products: [
        .executable(name: "sallyport", targets: ["sallyport"]),
        .library(name: "SIP", targets: ["SIP"]),
        .library(name: "SDP", targets: ["SDP"]),
        .library(name: "MSRP", targets: ["MSRP"]),
        .library(name: "H248", targets: ["H248"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        // Bytes, located errors, addresses.
        library("WireSyntax", [nioCore]),

        // Protocols: values, codecs, state machines. No I/O, no clock, no randomness.
        library("SIP", ["WireSyntax", nioCore]),
        library("SDP", ["WireSyntax", nioCore]),
        library("MSRP", ["WireSyntax", nioCore]),
        library("H248", ["WireSyntax", nioCore]),

        // The decision of TS 33.328; digest and AKA.
        library("MediaSecurity", ["WireSyntax", "SIP", "SDP"]),
        library("Authentication", ["WireSyntax", "SIP", crypto, cryptoExtras]),

        // IMS-ALG, pure.
        library("ApplicationLevelGateway", ["WireSyntax", "SDP", "MediaSecurity", nioCore]),

        // The Iq profile: packages, and the procedures as descriptors. Both ends share it.
        library("IqProfile", ["WireSyntax", "H248", "SDP", "ApplicationLevelGateway", nioCore]),

        // c-ares: DNS.
        .systemLibrary(name: "CAres", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),

        library("Observability", ["WireSyntax", nioCore, nioPosix, logging]),
        library("Configuration", ["WireSyntax", yams]),

        library(
            "Transport",
            [
                "WireSyntax", "SIP", "SDP", "MediaSecurity", "H248", "Observability", "CAres", nioCore, nioPosix,
                nioTLS, nioSSL, crypto, x509, asn1, logging,
            ]),

        library(
            "GatewayControl",
            [
                "WireSyntax", "H248", "SDP", "ApplicationLevelGateway", "IqProfile", "Observability", "Transport",
                nioCore, logging,
            ]),
        library(
            "MediaPlane",
            [
                "WireSyntax", "MSRP", "SDP", "ApplicationLevelGateway", "MediaSecurity", "Observability", "Transport",
                nioCore, nioPosix, nioSSL, crypto, logging,
            ]),

        // Network functions, named as 3GPP names them.
        library(
            "ProxyCSCF",
            [
                "WireSyntax", "SIP", "SDP", "H248", "MediaSecurity", "ApplicationLevelGateway", "Observability",
                "Configuration", "Transport", "GatewayControl", nioCore, nioPosix, logging,
            ]),
        library(
            "AccessGateway",
            [
                "WireSyntax", "H248", "SDP", "MSRP", "ApplicationLevelGateway", "IqProfile", "MediaSecurity",
                "Observability", "Configuration", "Transport", "MediaPlane", nioCore, nioPosix, logging,
            ]),
        library(
            "HomeNetwork",
            [
                "WireSyntax", "SIP", "SDP", "Authentication", "Observability", "Configuration", "Transport", nioCore,
                nioPosix, logging,
            ]),
        library(
            "UserEquipment",
            [
                "WireSyntax", "SIP", "SDP", "MSRP", "MediaSecurity", "Authentication", "Observability", "Configuration",
                "Transport", nioCore, nioPosix, nioSSL, crypto, logging,
            ]),

        library(
            "Lab",
            [
                "WireSyntax", "Observability", "Configuration", "Transport", "ProxyCSCF", "AccessGateway",
                "HomeNetwork",
                "UserEquipment", nioCore, nioPosix, crypto, logging,
            ]),
        .executableTarget(
            name: "sallyport",
            dependencies: [
                "WireSyntax", "SIP", "SDP", "MSRP", "H248", "MediaSecurity", "ApplicationLevelGateway", "Observability",
                "Configuration", "Transport", "ProxyCSCF", "AccessGateway", "HomeNetwork", "UserEquipment", "Lab",
                argumentParser, logging, nioCore, nioPosix, serviceLifecycle, unixSignals,
            ],
            swiftSettings: settings),

        // Tests: unit tests without sockets, mirroring Sources; InteropTests against foreign programs.
        tests("WireSyntaxTests", ["WireSyntax", nioCore]),
        tests("SIPTests", ["SIP", "WireSyntax", nioCore, nioTestUtils], exclude: ["Fixtures"]),
        tests("SDPTests", ["SDP", "WireSyntax", nioCore]),
        tests("MSRPTests", ["MSRP", "WireSyntax", nioCore, nioTestUtils]),
        tests("H248Tests", ["H248", "WireSyntax", nioCore]),
        tests("MediaSecurityTests", ["MediaSecurity", "WireSyntax", "SIP", "SDP", nioCore]),
        tests("AuthenticationTests", ["Authentication", "WireSyntax", "SIP", nioCore]),
        tests(
            "ApplicationLevelGatewayTests", ["ApplicationLevelGateway", "WireSyntax", "SDP", "MediaSecurity", nioCore]),
        tests("IqProfileTests", ["IqProfile", "WireSyntax", "H248", "SDP", "ApplicationLevelGateway", nioCore]),
        tests("ObservabilityTests", ["Observability", "WireSyntax", nioCore]),
        tests("ConfigurationTests", ["Configuration", "WireSyntax"]),
        tests(
            "TransportTests",
            [
                "Transport", "WireSyntax", "SIP", "SDP", "MediaSecurity", "H248", "Observability", nioCore, nioPosix,
                nioEmbedded,
                nioTLS, nioSSL, crypto, x509, asn1,
            ]),
        tests(
            "GatewayControlTests",
            [
                "GatewayControl", "WireSyntax", "H248", "SDP", "ApplicationLevelGateway", "IqProfile", "Observability",
                "Transport", nioCore, nioEmbedded,
            ]),
        tests(
            "MediaPlaneTests",
            [
                "MediaPlane", "WireSyntax", "MSRP", "SDP", "ApplicationLevelGateway", "MediaSecurity", "Observability",
                "Transport", nioCore, nioPosix, nioEmbedded, nioSSL, x509,
            ]),
        tests(
            "ProxyCSCFTests",
            [
                "ProxyCSCF", "WireSyntax", "SIP", "SDP", "MediaSecurity", "ApplicationLevelGateway", "Observability",
                "Configuration", "Transport", "GatewayControl", nioCore, nioEmbedded,
            ]),
        tests(
            "AccessGatewayTests",
            [
                "AccessGateway", "GatewayControl", "WireSyntax", "H248", "SDP", "MSRP", "ApplicationLevelGateway",
                "IqProfile", "MediaSecurity", "Observability", "Configuration", "Transport", "MediaPlane", nioCore,
                nioPosix, nioEmbedded, logging,
            ]),
        tests(
            "HomeNetworkTests",
            [
                "HomeNetwork", "WireSyntax", "SIP", "SDP", "Authentication", "Observability", "Configuration",
                "Transport", nioCore, nioEmbedded,
            ]),
        tests(
            "UserEquipmentTests",
            [
                "UserEquipment", "WireSyntax", "SIP", "SDP", "MSRP", "MediaSecurity", "Authentication", "Observability",
                "Configuration", "Transport", nioCore, nioEmbedded,
            ]),
        tests(
            "SallyportTests", ["sallyport", "Configuration", "UserEquipment", "WireSyntax", nioCore]),
        tests("LabTests", ["Lab", "WireSyntax", "Observability", "Configuration"]),
        tests(
            "InteropTests",
            [
                "WireSyntax", "SIP", "SDP", "MSRP", "H248", "MediaSecurity", "Authentication",
                "ApplicationLevelGateway", "Observability", "Configuration", "Transport", "GatewayControl",
                "MediaPlane", "ProxyCSCF", "AccessGateway", "HomeNetwork", "UserEquipment", "Lab", "sallyport", nioCore,
                nioPosix, nioSSL, crypto, x509,
            ], exclude: ["Kamailio/kamailio.cfg", "SIPp/Scenarios"]),
    ]
)
