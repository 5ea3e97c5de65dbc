import NIOCore
import SDP

/// libFuzzer calls this with each input. It must return for whatever octets come.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    run(ByteBuffer(bytes: UnsafeBufferPointer(start: start, count: count)))
    return 0
}

@_silgen_name("LLVMFuzzerRunDriver")
func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

@_cdecl("FuzzSDP_main")
public func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    var count = count
    var arguments = arguments
    return runDriver(&count, &arguments, testOneInput)
}

private func run(_ octets: ByteBuffer) {
    guard let session = try? SessionDescription(octets: octets) else { return }
    let written = session.octets
    // What was read is written, and reads back as the same value.
    guard let again = try? SessionDescription(octets: written) else {
        fatalError("a description that was read cannot be read again")
    }
    precondition(again == session)
    for index in session.media.indices {
        guard var view = session.messageMedia(at: index) else { continue }
        _ = (view.paths, view.fingerprints, view.setup, view.threeGE2AE, view.acceptTypes, view.address, view.direction)
        view.setup = .passive
        view.fingerprints = []
        view.threeGE2AE = nil
    }
}
