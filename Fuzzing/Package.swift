// swift-tools-version: 6.2
// One libFuzzer target a codec. A package of its own: its flags (-sanitize=fuzzer) would rebuild the main one.
//
//     Fuzzing/run.sh SECONDS [sip|sdp|msrp|h248 …]
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
]

func target(_ codec: String) -> Target {
    .executableTarget(
        name: "Fuzz\(codec)",
        dependencies: [
            .product(name: codec, package: "sallyport"), .product(name: "NIOCore", package: "swift-nio"),
        ],
        swiftSettings: settings)
}

let package = Package(
    name: "fuzzing",
    dependencies: [
        .package(name: "sallyport", path: ".."),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    ],
    targets: ["SIP", "SDP", "MSRP", "H248"].map(target))
