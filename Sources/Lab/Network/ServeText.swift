import WireSyntax

/// What the lab tells whoever wants to start things by hand.
enum ServeText {
    /// Two commands for two terminals.
    static func lines(_ files: NetworkFiles, executable: String, outside: IPAddress?) -> [String] {
        let program = quoted(executable)
        var lines = [
            "The network is up until Ctrl-C. For a chat across the access edge, paste into two terminals:", "",
            "  \(program) ue chat --config \(quoted(files.folder.file(NetworkFiles.calledUE)))",
            "  \(program) ue chat \(files.calledIdentity) --config \(quoted(files.folder.file(NetworkFiles.callingUE)))",
            "",
            "A line is a message; /file PATH sends a file, /security shows leg, version, cipher and fingerprints, "
                + "/quit ends.",
        ]
        if let outside { lines += exposure(files, outside) }
        return lines
    }

    /// `--access`: what can now be reached from outside, and what a UE there needs.
    private static func exposure(_ files: NetworkFiles, _ outside: IPAddress) -> [String] {
        let plan = files.plan
        return [
            "", "EXPOSED at \(outside) to everybody who can reach it:",
            "  SIP (Gm):  udp and tcp \(plan.gm), tls \(plan.gmTLS). Whoever knows a password of the lab can register and call;",
            "             over udp and tcp nothing protects what they say.",
            "  media:     ports of the kernel's choice, each open from the Add of a call to its end; a TLS leg takes only the",
            "             certificate whose fingerprint the SDP announced, a plain leg only the address in the SDP.",
            "Iq, Mw and the core realm stay on loopback.",
            "A UE outside needs \(NetworkFiles.callingUE) or \(NetworkFiles.calledUE), ca.pem and its own .pem and .key of "
                + "\(files.folder.path), with `address` set to its own address.",
        ]
    }

    /// Five processes, each with the file that was written for it.
    static func commands(_ files: NetworkFiles, executable: String) -> [String] {
        let program = quoted(executable)
        let file = { (name: String) in quoted(files.folder.file(name)) }
        return [
            "Wrote \(displayEscaped(files.folder.path)): configuration, CA, certificates and keys (0600). "
                + "Start each in a terminal of its own:", "",
            "  \(program) home --config \(file(NetworkFiles.home))",
            "  \(program) pcscf --config \(file(NetworkFiles.proxy))",
            "  \(program) agw --config \(file(NetworkFiles.gateway))",
            "  \(program) ue answer --config \(file(NetworkFiles.calledUE))",
            "  \(program) ue call \(files.calledIdentity) --config \(file(NetworkFiles.callingUE)) --message hello", "",
            "The ports were free when they were written down; another program may take one before you start.",
        ]
    }

    /// For a shell.
    private static func quoted(_ text: String) -> String {
        let plain = text.utf8.allSatisfy { octet in
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: "/._-+,:@".utf8.contains(octet)
            }
        }
        return plain ? text : "'" + text.replacing("'", with: "'\\''") + "'"
    }
}
