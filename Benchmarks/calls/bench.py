#!/usr/bin/env python3
"""Calls through P-CSCF, IMS-ALG and Iq, side by side with the same calls through Kamailio as a stateful, record-routing proxy.

    make bench-calls                      # builds, measures, writes the table into docs/performance.md
    Benchmarks/calls/bench.py --help

Both candidates run on one core, the load (SIPp at both ends, the same scenarios) on another; the runs alternate. A call is INVITE, 200, ACK, BYE, 200 from a
UE over UDP to a core over TCP; through the P-CSCF it is an e2ae call: reserve, configure and release at a gateway that runs as a process of its own. CPU time is
what the kernel has charged to the processes of a candidate, so that other load on the machine shifts it less than the rate.
"""
import argparse
import os
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SCENARIOS = os.path.join(ROOT, "Tests/InteropTests/SIPp/Scenarios")
PAGE = os.path.join(ROOT, "docs/performance.md")
BEGIN, END = "<!-- bench-calls: begin -->", "<!-- bench-calls: end -->"
TICKS = os.sysconf("SC_CLK_TCK")
NET = "127.77.%d" % (os.getpid() % 200 + 1)


def port(host, *kinds):
    """A port that is free at this address for all these kinds of socket."""
    while True:
        held = []
        try:
            number = 0
            for kind in kinds:
                held.append(socket.socket(socket.AF_INET, kind))
                held[-1].bind((host, number))
                number = held[-1].getsockname()[1]
            return "%s:%d" % (host, number)
        except OSError:
            continue
        finally:
            for one in held:
                one.close()


def listens(endpoint, table):
    """Whether somebody listens: from the kernel's table (proc(5)), since SIPp says nothing."""
    host, number = endpoint.split(":")
    word = "%08X" % int.from_bytes(socket.inet_aton(host), "little")
    with open("/proc/net/" + table) as lines:
        return any(" %s:%04X " % (word, int(number)) in line and (table == "udp" or " 0A " in line) for line in lines)


def until(condition, what, told=lambda: "", limit=20.0):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            sys.exit("bench-calls: no %s in %d s\n%s" % (what, limit, told()))
        time.sleep(0.02)


class Processes:
    """What was started, each in its own session, and is ended at the end."""

    def __init__(self, folder):
        self.folder, self.running = folder, []

    def start(self, name, core, command, **environment):
        log = open(os.path.join(self.folder, name + ".log"), "w")
        child = subprocess.Popen(
            ["taskset", "-c", str(core)] + command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=dict(os.environ, **environment), start_new_session=True)
        self.running.append(child)
        return child

    def log(self, name):
        with open(os.path.join(self.folder, name + ".log")) as text:
            return text.read()

    def stop(self, child, how=signal.SIGTERM):
        if child.poll() is None:
            os.killpg(child.pid, how)
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        self.running.remove(child)

    def stop_all(self):
        for child in reversed(list(self.running)):
            self.stop(child)


def cpu(child):
    """CPU seconds of a process and its children."""
    total = 0
    for pid in [child.pid] + descendants(child.pid):
        try:
            with open("/proc/%d/stat" % pid) as text:
                fields = text.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / TICKS


def descendants(pid):
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as text:
            for child in map(int, text.read().split()):
                found += [child] + descendants(child)
    return found


def sipp(scenario, local, *more):
    host, number = local.split(":")
    return ["sipp", "-sf", scenario, "-nostdin", "-i", host, "-p", number, "-bind_local", "-ci", host] + list(more)


def run(name, processes, core, command, limit=300, accepts=(0,)):
    child = processes.start(name, core, command)
    try:
        status = child.wait(limit)
    except subprocess.TimeoutExpired:
        status = None
    if status not in accepts:
        errors = os.path.join(processes.folder, name + ".errors")
        told = open(errors).read()[:3000] if os.path.exists(errors) else processes.log(name)[-3000:]
        sys.exit("bench-calls: %s (%s) ended with %s:\n%s" % (name, " ".join(command), status, told))
    processes.running.remove(child)


class Sallyport:
    """P-CSCF and gateway, with one registered UE."""

    name = "Sallyport: P-CSCF, IMS-ALG, Iq, gateway"

    def __init__(self, processes, program, core_endpoint, options):
        edge, gateway, access, mine = (NET + ".%d" % last for last in (20, 30, 31, 32))
        self.gm = port(edge, socket.SOCK_DGRAM)
        controller, agent = port(edge, socket.SOCK_DGRAM), port(gateway, socket.SOCK_DGRAM)
        self.ue = port(NET + ".101", socket.SOCK_DGRAM)
        files = {
            "agw": "iq: {listen: 'udp:%s', mgc: ['udp:%s']}\naccess.address: [%s]\ncore.address: [%s]\n"
            % (agent, controller, access, mine),
            "pcscf": "gm: {udp: '%s', allowUnprotected: true}\nmw.home: %s\n"
            "iq: {listen: 'udp:%s', gateways: ['udp:%s']}\n"
            % (self.gm, core_endpoint, controller, agent),
        }
        mw = ["--mw", "tcp:" + port(edge, socket.SOCK_STREAM)]
        self.parts = {}
        for function, flags in (("pcscf", mw), ("agw", [])):
            path = os.path.join(processes.folder, function + ".yaml")
            with open(path, "w") as text:
                text.write(files[function])
            os.chmod(path, 0o600)
            self.parts[function] = processes.start(
                function, options.core, [program, function, "--config", path, "--log-level", "info"] + flags)
        until(lambda: "in service" in processes.log("pcscf"), "registered gateway",
              lambda: processes.log("pcscf") + processes.log("agw"))
        registrar = processes.start(
            "registrar", options.load, sipp(SCENARIOS + "/core-register.xml", core_endpoint, "-t", "t1", "-m", "1"))
        until(lambda: listens(core_endpoint, "tcp"), "listening core")
        ue = ["-s", "alice", "-au", "alice@ims.lab", "-ap", "secret", "-auth_uri", "ims.lab", "-m", "1"]
        run("register", processes, options.load,
            sipp(SCENARIOS + "/register.xml", self.ue, self.gm, "-key", "expires", "600", *ue))
        registrar.wait(10)
        processes.running.remove(registrar)
        called = processes.start(
            "proof-core", options.load, sipp(SCENARIOS + "/core-answer.xml", core_endpoint, "-t", "t1", "-m", "1"))
        until(lambda: listens(core_endpoint, "tcp"), "listening core")
        # Before anything is measured: it is an e2ae call, on both sides.
        run("proof", processes, options.load,
            sipp(SCENARIOS + "/caller-e2ae.xml", self.ue, self.gm, "-key", "callee", "bob", *ue))
        called.wait(10)
        processes.running.remove(called)

    def times(self):
        return {name: cpu(child) for name, child in self.parts.items()}


class Kamailio:
    name = "Kamailio: stateful proxy"

    def __init__(self, processes, program, core_endpoint, options):
        edge = NET + ".40"
        self.gm = port(edge, socket.SOCK_DGRAM)
        self.ue = port(NET + ".103", socket.SOCK_DGRAM)
        folder = os.path.join(processes.folder, "kamailio")
        os.mkdir(folder)
        child = processes.start(
            "kamailio", options.core,
            [program, "-f", HERE + "/kamailio.cfg", "-DD", "-E", "-Y", folder, "-w", folder, "-P", folder + "/pid"],
            PROXY_GM="udp:" + self.gm, PROXY_MW="tcp:" + port(edge, socket.SOCK_STREAM),
            PROXY_CORE="sip:%s;transport=tcp" % core_endpoint)
        until(lambda: listens(self.gm, "udp"), "listening Kamailio", lambda: processes.log("kamailio"))
        self.parts = {"kamailio": child}

    def times(self):
        return {name: cpu(child) for name, child in self.parts.items()}


def measure(candidate, processes, options, calls):
    """Calls per second, CPU milliseconds per call of each part, and calls that failed: more than one in a hundred, and it is no measurement."""
    before, started = candidate.times(), time.monotonic()
    run("load", processes, options.load,
        sipp(HERE + "/caller.xml", candidate.ue, candidate.gm, "-m", str(calls), "-r", "20000", "-l", str(options.at_once),
             "-timeout", "280s", "-timeout_error", "-trace_err", "-error_file", os.path.join(processes.folder, "load.errors")),
        accepts=(0, 1))
    failed = int(re.findall(r"Failed call\s*\|\s*\d+\s*\|\s*(\d+)", processes.log("load"))[-1])
    if failed * 100 > calls:
        sys.exit("bench-calls: %d of %d calls failed" % (failed, calls))
    seconds = time.monotonic() - started
    # What is still to be done for the last calls: their contexts are subtracted.
    time.sleep(0.3)
    after = candidate.times()
    return calls / seconds, {name: (after[name] - before[name]) * 1000 / calls for name in after}, failed


def spread(values, digits):
    return "%.*f (%.*f – %.*f)" % (
        digits, statistics.median(values), digits, min(values), digits, max(values))


def machine():
    with open("/proc/cpuinfo") as text:
        model = re.search(r"model name\s*:\s*(.*)", text.read())
    return "%s, %d cores, Linux %s" % (
        model.group(1) if model else platform.machine(), os.cpu_count() or 0, platform.release())


def version(command, words):
    """What a program says of its version: the first thing that matches."""
    told = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    found = re.search(words, told)
    return found.group(0) if found else command[0]


def table(results, options, load):
    rows = ["| | calls per second | CPU per call, ms | of that | failed |", "|---|---|---|---|---|"]
    medians = {}
    for candidate, runs in results.items():
        totals = [sum(parts.values()) for _, parts, _ in runs]
        medians[candidate] = (statistics.median([rate for rate, _, _ in runs]), statistics.median(totals))
        parts = ", ".join(
            "%s %.2f" % (name, statistics.median([one[name] for _, one, _ in runs])) for name in runs[0][1])
        rows.append("| %s | %s | %s | %s | %d |" % (
            candidate, spread([rate for rate, _, _ in runs], 0), spread(totals, 2), parts, sum(one for _, _, one in runs)))
    pcscf = statistics.median([one["pcscf"] for _, one, _ in results[Sallyport.name]])
    ours, theirs = medians[Sallyport.name], medians[Kamailio.name]
    rows += [
        "",
        "**%.1f times the CPU of Kamailio for a call (the P-CSCF without the gateway: %.1f), %.2f of its rate** (ratios of the medians). %.2f ms of one core are"
        % (ours[1] / theirs[1], pcscf / theirs[1], ours[0] / theirs[0], ours[1]),
        "%d e2ae calls per second at the most." % (1000 / ours[1]),
        "",
        "Medians of %d alternating runs of %d calls each, %d at a time; lowest and highest in brackets. Candidates on core %d, SIPp at both ends on core %d;"
        % (options.runs, options.calls, options.at_once, options.core, options.load),
        "load of the machine by others while it ran: %.1f. %s; %s; %s." % (
            load, machine(), version(["kamailio", "-v"], "kamailio [0-9.]+"), version(["sipp", "-v"], "SIPp v[0-9.]+")),
        "Command: `make bench-calls`.",
    ]
    return "\n".join(rows)


def write(text):
    with open(PAGE) as page:
        whole = page.read()
    head, rest = whole.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    with open(PAGE, "w") as page:
        page.write(head + BEGIN + "\n" + text + "\n" + END + tail)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sallyport", default=ROOT + "/.build/release/sallyport", help="the release build")
    parser.add_argument("--runs", type=int, default=5, help="of each candidate")
    parser.add_argument("--calls", type=int, default=3000, help="of a run")
    parser.add_argument("--at-once", type=int, default=50, help="calls that stand at a time")
    parser.add_argument("--core", type=int, default=0, help="of the candidates")
    parser.add_argument("--load", type=int, default=1, help="core of the load")
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-calls-") as folder:
        processes = Processes(folder)
        try:
            core_endpoint = port(NET + ".10", socket.SOCK_STREAM)
            candidates = [
                Sallyport(processes, options.sallyport, core_endpoint, options),
                Kamailio(processes, "kamailio", core_endpoint, options),
            ]
            processes.start("core", options.load, sipp(HERE + "/called.xml", core_endpoint, "-t", "t1"))
            until(lambda: listens(core_endpoint, "tcp"), "listening core")
            results = {candidate.name: [] for candidate in candidates}
            for candidate in candidates:
                measure(candidate, processes, options, options.calls // 5)
            for number in range(options.runs):
                for candidate in candidates:
                    rate, parts, failed = measure(candidate, processes, options, options.calls)
                    results[candidate.name].append((rate, parts, failed))
                    print("run %d  %-42s %6.0f calls/s  %s" % (
                        number + 1, candidate.name, rate,
                        "  ".join("%s %.2f ms" % part for part in parts.items())), file=sys.stderr)
            text = table(results, options, max(0.0, os.getloadavg()[0] - 2))
        finally:
            processes.stop_all()
    print(text)
    if not options.no_write:
        write(text)


if __name__ == "__main__":
    main()
