import NIOCore
import SIP

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

@_cdecl("FuzzSIP_main")
public func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    var count = count
    var arguments = arguments
    return runDriver(&count, &arguments, testOneInput)
}

private func run(_ octets: ByteBuffer) {
    // A datagram that is read reads back the same from what is written.
    if case .success(let message) = Message.read(datagram: octets) {
        let written = message.encoded()
        guard case .success(let again) = Message.read(datagram: written) else {
            fatalError("a message that was read cannot be read again")
        }
        precondition(again.startLine == message.startLine && again.body == message.body)
        let headers = message.headers
        _ = try? headers.from()
        _ = try? headers.to()
        _ = try? headers.cSeq()
        _ = try? headers.vias()
        _ = try? headers.contacts()
    }
    // A stream in pieces ends, whatever comes.
    var decoder = StreamDecoder()
    var rest = octets
    while let piece = rest.readSlice(length: min(7, rest.readableBytes)), piece.readableBytes > 0 {
        decoder.feed(piece)
        do {
            while try decoder.next() != nil {}
        } catch {
            break
        }
    }
}
