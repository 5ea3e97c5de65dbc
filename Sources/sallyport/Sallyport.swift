import ArgumentParser
import Logging
import NIOPosix
import ServiceLifecycle

@main
struct Sallyport: AsyncParsableCommand {
    func run() async throws {}
}
