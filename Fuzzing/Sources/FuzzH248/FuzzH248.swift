import H248
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

@_cdecl("FuzzH248_main")
public func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    var count = count
    var arguments = arguments
    return runDriver(&count, &arguments, testOneInput)
}

private func run(_ octets: ByteBuffer) {
    guard let message = try? Message(decoding: octets) else { return }
    _ = message.trace
    for form in [TokenForm.long, .short] {
        let written = message.encoded(form: form)
        guard let again = try? Message(decoding: written) else {
            fatalError("a message that was read cannot be read again")
        }
        precondition(again.sender == message.sender)
    }
}
