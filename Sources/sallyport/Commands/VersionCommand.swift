import ArgumentParser
import FoundationEssentials
import Lab

enum Version {
    static let number = "0.1.0"
    #if DEBUG
        static let text = "sallyport \(number) (debug build)"
    #else
        static let text = "sallyport \(number)"
    #endif
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    func run() {
        Terminal.standardOutput(ProcessInfo.processInfo.environment).line(Version.text)
    }
}
