import MSRP
import NIOCore

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

@_cdecl("FuzzMSRP_main")
public func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    var count = count
    var arguments = arguments
    return runDriver(&count, &arguments, testOneInput)
}

private func run(_ octets: ByteBuffer) {
    // In one piece and octet by octet: the same events, bodies joined.
    let whole = MessageEvents(octets, piece: max(1, octets.readableBytes))
    let pieces = MessageEvents(octets, piece: 1)
    precondition(whole == pieces)
}
