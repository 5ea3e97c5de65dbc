extension ForeignProgram {
    /// Starts a server that forks: it gets SIGTERM, and with it all its processes end, when it is told to stop and also when this process is gone, however
    /// that happens.
    func startWithLifeline(_ arguments: [String], environment: [String: String] = [:]) throws -> Running {
        try ForeignProgram("perl").start(["-MPOSIX", "-e", Self.script, path] + arguments, environment: environment)
    }

    /// Foundation starts a child with nearly every signal blocked; a program that does not unblock SIGTERM would never see it. Standard input is the
    /// lifeline; who watches it keeps no output open, so that the end of the program is seen at once.
    private static let script = """
        sigprocmask(SIG_SETMASK, POSIX::SigSet->new);
        my $child = fork // exit 127;
        if (!$child) { open STDIN, "<", "/dev/null"; exec @ARGV or exit 127 }
        $SIG{TERM} = sub { kill TERM => $child };
        my $watcher = fork // exit 127;
        if (!$watcher) { close STDOUT; close STDERR; 1 while sysread STDIN, my $read, 4096; kill TERM => $child; exit 0 }
        1 while waitpid($child, 0) < 0 && $! == EINTR;
        my $status = $?;
        kill KILL => $watcher;
        exit($status & 127 ? 128 + ($status & 127) : $status >> 8);
        """
}
