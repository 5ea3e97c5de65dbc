#!/usr/bin/env python3
"""Makes docs/conformance.md from docs/clauses.tsv, and says where the list, the sources and the tests do not agree.

    Scripts/conformance.py            checks; exit 1 with every fault, also where docs/conformance.md is not what would be made
    Scripts/conformance.py --write    checks, then writes docs/conformance.md
    Scripts/conformance.py --self-test    shows that each fault is found

docs/clauses.tsv has one requirement a line, three fields between tabs: clause, requirement, proof.

    RFC 3261 §17.1.1.2<TAB>client retransmits INVITE over UDP, the interval doubled<TAB>SIPTests/ClientTransactionTests/timerA
    RFC 3261 §18.1.1<TAB>multicast requests carry maddr and ttl<TAB>left out: no multicast

The proof is one or more tests (target/file/function, "; " between them) or `left out: reason`. A requirement of a 3GPP
specification whose text could not be had begins with `facts: `. Lines that are empty or begin with # say nothing.

Faults: a row without proof, a test that does not exist, a row twice, a clause that Sources cite and no test does.
"""
import collections
import pathlib
import re
import sys
import tempfile

DOCUMENT = r"(?:RFC \d{3,5}|TS \d\d\.\d{3}|TR \d\d\.\d{3}|H\.248\.\d+)"
NUMBER = r"(?:[A-Z](?:\.\d+[A-Z]?)+|\d+[A-Z]?(?:\.\d+[A-Z]?)*[a-z]?)"
# "RFC 3261 §16.3, §16.6 and 18.2": the first clause may lack the sign in tests, those that follow may in both. A number after a
# comma that is no clause ("RFC 3261 17.1.1, 500 ms") is kept out by the unit behind it.
CITATION = re.compile(
    rf"(?P<document>{DOCUMENT}),? (?P<clauses>§{{0,2}} ?{NUMBER}(?![\w/%])(?:(?:, | and | or |, and |–)§?{NUMBER}(?![\w/%])(?! (?:ms|s|seconds|octets)\b))*)"
)
TEST = re.compile(r"@Test\b.*?\bfunc\s+(?:`([^`]+)`|(\w+))", re.S)
CLAUSE = re.compile(rf"^{DOCUMENT} (?:§{NUMBER}|Annex [A-Z](?:\.\d+)*|Table [\w.-]+)$")


def citations(text):
    """The clauses that a text cites, as `RFC 3261 §17.1.1`. Line breaks within comments are joined."""
    text = re.sub(r"\s*\n\s*(?:///?|\*)?\s*", " ", text)
    found = set()
    for match in CITATION.finditer(text):
        for clause in re.findall(NUMBER, match["clauses"]):
            found.add(f"{match['document']} §{clause.rstrip('.')}")
    return found


def swift(folder):
    return sorted(folder.rglob("*.swift"))


def cited_by(folder):
    cited = collections.defaultdict(list)
    for path in swift(folder):
        for clause in citations(path.read_text()):
            cited[clause].append(path)
    return cited


def tests_of(folder):
    """Every test as target/file/function."""
    tests = set()
    for path in swift(folder):
        target = path.relative_to(folder).parts[0]
        for match in TEST.finditer(path.read_text()):
            tests.add(f"{target}/{path.stem}/{match[1] or match[2]}")
    return tests


def is_within(clause, outer):
    return clause == outer or clause.startswith(outer + ".")


class Row:
    def __init__(self, line, number):
        self.number = number
        fields = line.split("\t")
        self.fault = None if len(fields) == 3 else f"{len(fields)} fields instead of 3"
        self.clause, self.requirement, self.proof = (fields + ["", "", ""])[:3]
        self.is_left_out = self.proof.startswith("left out:")
        self.tests = [] if self.is_left_out else [test for test in self.proof.split("; ") if test]

    def faults(self, tests):
        if self.fault:
            yield self.fault
            return
        if not CLAUSE.match(self.clause):
            yield f"'{self.clause}' is no clause"
        if not self.requirement.strip():
            yield "no requirement"
        if self.is_left_out:
            if not self.proof.removeprefix("left out:").strip():
                yield "left out without a reason"
        elif not self.tests:
            yield "neither a test nor a reason"
        for test in self.tests:
            if test not in tests:
                yield f"no such test: {test}"


def rows_of(path):
    lines = path.read_text().splitlines()
    return [Row(line, number) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]


def check(root):
    rows = rows_of(root / "docs/clauses.tsv")
    tests = tests_of(root / "Tests")
    faults = [f"docs/clauses.tsv:{row.number}: {fault}" for row in rows for fault in row.faults(tests)]
    seen = {}
    for row in rows:
        first = seen.setdefault((row.clause, row.requirement), row.number)
        if first != row.number:
            faults.append(f"docs/clauses.tsv:{row.number}: the same as line {first}")
    cited_by_tests = cited_by(root / "Tests")
    for clause, paths in sorted(cited_by(root / "Sources").items(), key=lambda item: order(item[0])):
        if not any(is_within(cited, clause) for cited in cited_by_tests):
            faults.append(f"{paths[0].relative_to(root)}: cites {clause}, and no test does")
    return rows, faults


def order(clause):
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", clause) if part]


def cell(text):
    return text.replace("|", "\\|")


def document_of(clause):
    return clause.partition(" §")[0].partition(" Annex ")[0].partition(" Table ")[0]


def page(rows):
    documents = collections.defaultdict(list)
    for row in sorted(rows, key=lambda row: order(row.clause)):
        documents[document_of(row.clause)].append(row)
    out = [
        "# Conformance, clause by clause",
        "",
        "Made from [clauses.tsv](clauses.tsv) by `make conformance`; `make lint` fails where the two differ, where a row has neither a",
        "test nor a reason, where a test does not exist, and where the sources cite a clause that no test cites.",
        "",
        "A row says what a MUST of the clause asks for, in short words of ours, and the tests that show it, as target/file/function, or why it is left",
        "out. It is a list of evidence and claims conformance to nothing; no row rests on a provisional value ([open-points.md](open-points.md)).",
        "Rows of 3GPP specifications are marked *facts*: they stand in the words of this project's notes, not of the specification.",
        "",
        "| document | rows | shown by tests | left out |",
        "|---|---|---|---|",
    ]
    for document, its in documents.items():
        left_out = sum(row.is_left_out for row in its)
        out.append(f"| [{document}](#{anchor(document)}) | {len(its)} | {len(its) - left_out} | {left_out} |")
    for document, its in documents.items():
        out += ["", f"## {document}", "", "| clause | requirement | shown by, or why left out |", "|---|---|---|"]
        for row in its:
            proof = cell(row.proof) if row.is_left_out else "<br>".join(f"`{test}`" for test in row.tests)
            requirement = cell(row.requirement)
            if requirement.startswith("facts: "):
                requirement = "*facts*: " + requirement.removeprefix("facts: ")
            clause = row.clause.removeprefix(document).strip()
            out.append(f"| {clause} | {requirement} | {proof} |")
    return "\n".join(out) + "\n"


def anchor(document):
    return document.lower().replace(" ", "-").replace(".", "")


def main(root, write):
    rows, faults = check(root)
    target = root / "docs/conformance.md"
    if not faults:
        made = page(rows)
        if write:
            target.write_text(made)
        elif not target.exists() or target.read_text() != made:
            faults.append("docs/conformance.md is not what docs/clauses.tsv makes: run `make conformance`")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def self_test():
    """Each fault, in a tree of its own."""
    good_row = "RFC 3261 §17.1.1.2\tdoubles the interval\tSIPTests/TimerTests/timerA"
    good_test = '@Test("RFC 3261 17.1.1.2: timer A")\nfunc timerA() {}\n'
    cases = [
        ("all is well", good_row, good_test, "/// RFC 3261 §17.1.1.2", []),
        ("a clause within the cited one will do", good_row, good_test, "/// RFC 3261 §17.1", []),
        ("neither test nor reason", good_row.rsplit("\t", 1)[0] + "\t", good_test, "", ["neither a test nor a reason"]),
        ("no reason", good_row.rsplit("\t", 1)[0] + "\tleft out: ", good_test, "", ["without a reason"]),
        ("two fields", good_row.rsplit("\t", 1)[0], good_test, "", ["2 fields"]),
        ("no such test", good_row + "B", good_test, "", ["no such test: SIPTests/TimerTests/timerAB"]),
        ("twice", good_row + "\n" + good_row, good_test, "", ["the same as line 1"]),
        ("no test cites it", good_row, good_test, "/// RFC 3261 §17.1.1.3", ["cites RFC 3261 §17.1.1.3"]),
        ("the outer clause will not do", good_row, good_test, "/// RFC 3261 §17.1.1.2.1", ["cites RFC 3261 §17.1.1.2.1"]),
        ("the second of a list", good_row, good_test, "/// RFC 3261 §17.1 and §18.2", ["cites RFC 3261 §18.2"]),
        ("over a line break", good_row, good_test, "/// RFC 3261\n/// §18.2", ["cites RFC 3261 §18.2"]),
    ]
    for name, list_text, test_text, source_text, expected in cases:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in [
                ("docs/clauses.tsv", list_text), ("Tests/SIPTests/TimerTests.swift", test_text), ("Sources/SIP/Timer.swift", source_text)
            ]:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            faults = check(root)[1]
            if len(faults) != len(expected) or any(part not in fault for part, fault in zip(expected, faults)):
                sys.exit(f"{name}: {faults}")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        self_test()
    elif arguments in ([], ["--write"]):
        sys.exit(main(pathlib.Path(__file__).resolve().parent.parent, bool(arguments)))
    else:
        sys.exit(__doc__)
