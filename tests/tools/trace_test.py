"""The trace: its reader and its writers on small examples, and real runs whose records must agree with their
ledgers, record by record."""
import contextlib
import glob
import io
import json
import re
import unittest

import chrome_rules
from lib import columns, trace, trace_chrome, trace_diff, trace_run, trace_text
from lib.usage import Mistake
from result import Result

HEAD = """\
noise of the emulator's
@trace {"mode":"shadow","build":"debug","commit":"c","tsc_khz":50000,"kinds":"all","in":"%s","records":%d,"lost":0}
@trace_life {"number":1,"domain":"fault","life":1}
@trace_kind {"kind":0,"name":"EXIT_PAGE_FAULT","group":"EXITS","args":"rip gva error"}
@trace_kind {"kind":1,"name":"SHADOW_FILL","group":"SHADOW","args":"gva gfn mfn"}
@trace_kind {"kind":2,"name":"SCHEDULED","group":"EVENTS","args":""}
@trace_kind {"kind":3,"name":"DESCHEDULED","group":"EVENTS","args":""}
@trace_kind {"kind":4,"name":"MARK_BEGIN","group":"ALWAYS","args":"region"}
@trace_kind {"kind":5,"name":"MARK_END","group":"ALWAYS","args":"region"}
"""
# An exit of 0x50 ticks with a record inside that took 0x10, which is nobody's.
RECORDS = """\
T 1000 0 10 1 0 2
T 1100 0 8 1 0 4 7
T 1220 0 10 1 0 1 abc 5 6
T 1200 50 20 1 0 0 1234 abc 2
T 1300 0 10 1 0 5 7
T 1400 0 0 1 0 3
"""


class NoSymbols:
    """Of an ELF without symbols."""

    def name(self, _address):
        """None."""
        return ""


def text(records=RECORDS, scope="life", end=None):
    """A debug port's output."""
    count = len(records.splitlines()) if end is None else end
    return HEAD % (scope, count) + records + '@trace_end {"records":%d}\nmore noise\n' % count


class Reading(unittest.TestCase):
    """The text of the debug port."""

    def test_corrected(self):
        """What recording took is taken off: the exit takes 0x50 less the record inside, and so on."""
        records = trace.parse(text()).records
        found = {record.kind.name: (record.start, record.end) for record in records}
        self.assertEqual(found["scheduled"], (0, 0))
        self.assertEqual(found["mark_begin"], (0xf0, 0xf0))
        self.assertEqual(found["exit_page_fault"], (0x1e8, 0x228))
        self.assertEqual(found["shadow_fill"], (0x208, 0x208))
        self.assertEqual(found["descheduled"], (0x3a8, 0x3a8))
        self.assertEqual([record.kind.name for record in records][2:4], ["exit_page_fault", "shadow_fill"])
        fault = records[2]
        self.assertEqual((fault.ticks, fault.charged, fault.args), (0x40, 0x50, {"rip": 0x1234, "gva": 0xabc, "error": 2}))

    def test_never_backward(self):
        """A cost that is greater than the time to the next record cannot turn time back."""
        records = trace.parse(text("T 10 0 ffff 1 0 2\nT 20 0 ffff 1 0 3\nT 30 0 0 1 0 2\n")).records
        self.assertEqual([record.start for record in records], [0, 0, 0])

    def test_broken(self):
        """Silence is no trace; a trace cut off, or with a line that cannot be, is an error."""
        self.assertIsNone(trace.parse("noise\n"))
        for broken in (text(end=7), text().split("@trace_end", maxsplit=1)[0], text(RECORDS + "T 1 2 3\n"),
                       text("T 1000 0 10 1 0 2 5\n"), text("T zz 0 10 1 0 2\n")):
            with self.assertRaises((ValueError, IndexError)):
                trace.parse(broken)

    def test_regions(self):
        """What lies between the marks."""
        found = trace.regions(trace.parse(text()).records)
        self.assertEqual([(region, [record.kind.name for record in inside]) for region, inside in found],
                         [(7, ["exit_page_fault", "shadow_fill"])])

    def test_disagreements(self):
        """Counted against the ledger; not where not everything was kept."""
        ledger = {"exit_page_fault": {"n": 1}, "shadow_fill": {"n": 1}, "scheduled": {"n": 1}}
        self.assertEqual(trace.disagreements(trace.parse(text()), "fault", ledger), [])
        ledger["shadow_fill"]["n"] = 2
        self.assertEqual(len(trace.disagreements(trace.parse(text()), "fault", ledger)), 1)
        self.assertEqual(trace.disagreements(trace.parse(text(scope="regions")), "fault", ledger), [])

    def test_kinds(self):
        """Words that are no groups are refused by name."""
        self.assertEqual(trace.choose_kinds("exits,shadow"), "exits,shadow")
        for words in ("", "exit", "exits,", "all,none"):
            with self.assertRaises(Mistake):
                trace.choose_kinds(words)


class Writing(unittest.TestCase):
    """JSON and text."""

    def document(self, scope="life", kinds="all"):
        """Through JSON and back."""
        parsed = trace.parse(text(scope=scope).replace('"kinds":"all"', f'"kinds":"{kinds}"'))
        made = trace_chrome.document(parsed, NoSymbols(), {("fault", 7): "page_fault"}, {})
        return json.loads(json.dumps(made))

    def complete(self, document):
        """Names and times of the complete events."""
        return [(event["name"], event["ts"], event["dur"]) for event in document["traceEvents"] if event["ph"] == "X"]

    def test_rules(self):
        """Guest and hypervisor time inside the time on the processor; the region by its figure's name."""
        document = self.document()
        self.assertEqual(chrome_rules.check(document), [])
        self.assertEqual(self.complete(document),
                         [("on the processor", 0.0, 0.936), ("guest", 0.0, 0.488), ("exit_page_fault", 0.488, 0.064),
                          ("guest", 0.552, 0.384)])
        self.assertIn("page_fault", [event["name"] for event in document["traceEvents"] if event["ph"] == "b"])

    def test_guest_unknown(self):
        """Where exits are missing from the trace, what lies between two records is not called the guest's."""
        self.assertNotIn("guest", [name for name, _, _ in self.complete(self.document(kinds="shadow,events"))])

    def test_rules_bite(self):
        """Each rule refuses a document that breaks it."""
        good = self.document()
        for change in ({"ph": "Q"}, {"ts": "1"}, {"ts": -1}, {"dur": None}, {"pid": "a"}, {"args": 3}, {"dur": 5000.0},
                       {"tid": 77}):
            bad = json.loads(json.dumps(good))
            next(event for event in bad["traceEvents"] if event["name"] == "exit_page_fault").update(change)
            self.assertNotEqual(chrome_rules.check(bad), [], change)
        for phase in "be":
            bad = {**good, "traceEvents": [event for event in good["traceEvents"] if event["ph"] != phase]}
            self.assertNotEqual(chrome_rules.check(bad), [], phase)

    def test_text(self):
        """One line a record, what was done inside indented."""
        lines = list(trace_text.lines(trace.parse(text()), NoSymbols()))
        self.assertEqual(lines[3].split(), "488 488 64 fault:0 exit_page_fault rip=0x1234 gva=0xabc error=0x2".split())
        self.assertIn("      fault:0 shadow_fill gva=0xabc", lines[4])


class Step:
    """An exit for the tests of dividing."""

    def __init__(self, name, rip=0):
        self.kind = trace.Kind(name, "EXITS", [])
        self.args, self.start, self.end, self.ticks, self.is_span = {"rip": rip}, 0, 0, 1, True


def kinds_of(found):
    """The groups as strings."""
    group, parts = found
    return group, ["".join(step.span.kind.name for step in steps) for steps in parts]


class Places(unittest.TestCase):
    """The sources: what is counted is recorded."""

    def setUp(self):
        with open("src/include/trace_kinds.h", encoding="ascii") as file:
            self.kinds = set(re.findall(r"\bK\((\w+),", file.read().split("TRACE_UNCOUNTED")[0]))

    def test_each_count_has_its_record(self):
        """Where a counter that is a kind counts one, the same file records it, as often."""
        for path in sorted(glob.glob("src/**/*.c", recursive=True)):
            with open(path, encoding="utf-8") as file:
                text_of_file = file.read()
            counted = re.findall(r"ledger_count\([^;]*LC_(\w+)\)", text_of_file)
            traced = re.findall(r"TRACE\([^;]*?,\s*(\w+)[,)]", text_of_file)
            for kind in self.kinds & set(counted):
                self.assertGreaterEqual(traced.count(kind), counted.count(kind), f"{path}: {kind} without TRACE")

    def test_each_way_in_is_a_kind(self):
        """No exit and no hypercall is left out."""
        with open("src/include/ledger_counters.h", encoding="ascii") as file:
            ways = re.findall(r"\bC\(((?:EXIT|HC)_\w+),", file.read())
        self.assertEqual([way for way in ways if way not in self.kinds], [])


class Diff(unittest.TestCase):
    """Two modes side by side."""

    def test_divide(self):
        """By the number of operations; else by groups of them; else not at all."""
        def divide(openings, ops):
            return kinds_of(trace_diff.divide([[Step(name) for name in names] for names in openings], ops))
        self.assertEqual(divide(["abab"], 2), (1, ["ab", "ab"]))
        self.assertEqual(divide(["ab", "ab"], 2), (1, ["ab", "ab"]))
        self.assertEqual(divide(["bb"], 4), (2, ["b", "b"]))
        self.assertEqual(divide([""], 3), (1, ["", "", ""]))
        self.assertEqual(divide(["aabaab"], 4), (2, ["aab", "aab"]))
        self.assertEqual(divide(["abc"], 2), (2, ["abc"]))

    def test_pairs(self):
        """The same place in the guest is the same row."""
        left = trace_diff.steps_of([Step("a", 1), Step("b", 2), Step("c", 3)])
        right = trace_diff.steps_of([Step("a", 1), Step("c", 3), Step("exit_preemption", 9)])
        rows = [tuple(step and step.span.kind.name for step in row) for row in trace_diff.pairs(left, right)]
        self.assertEqual(rows, [("a", "a"), ("b", None), ("c", "c")])


def real_run(mode, guest, emulator, **more):
    """A traced run of the debug build."""
    return trace_run.run(trace_run.boot_of(mode, guest, build="debug", **more), emulator)


def judge_agreement(mode, guest, emulator):
    """A run whose every record must be in the ledger, and whose JSON must follow the rules."""
    traced = real_run(mode, guest, emulator)
    wrong = list(traced.failures)
    if traced.trace.head["lost"]:
        wrong.append("records were lost")
    for name, speaker in traced.console.speakers.items():
        wrong += trace.disagreements(traced.trace, name, speaker.ledger)
    if not any(record.is_span for record in traced.trace.records):
        wrong.append("no exits")
    document = trace_chrome.document(traced.trace, traced.symbols, traced.figure_names(), {})
    return wrong + chrome_rules.check(json.loads(json.dumps(document)))[:3]


def judge_regions():
    """In each region as many exits of each kind as its ledger says, and the same ticks."""
    traced = real_run("shadow", "fault", "bochs", scope="regions")
    speaker, wrong = traced.console.speakers["fault"], []
    for region, inside in trace.regions(traced.trace.of_domain("fault")):
        said = {name: cell for name, cell in speaker.regions[str(region)]["counters"].items() if cell["n"]}
        found = trace.counts(inside)
        wrong += [f"region {region}, {name}: {cell}, the ledger has {said.get(name)}" for name, cell in found.items()
                  if said.get(name) != cell]
        wrong += [f"region {region}: no {name}" for name in said if name not in found and name.startswith("exit_")]
    return traced.failures + wrong


def judge_calls():
    """The guest brackets one CPUID."""
    traced = real_run("ept", "privileged", "bochs", scope="calls", args="trace")
    exits = [record.kind.name for record in traced.trace.records if record.is_span]
    return traced.failures + ([] if exits == ["exit_vmcall", "exit_cpuid"] else [f"recorded: {exits}"])


def judge_overwriting():
    """A ring that is too small keeps the newest and counts the others."""
    traced = real_run("pv", "syscall", "qemu", kib=4)
    wrong = [] if traced.trace.head["lost"] > 0 and len(traced.trace.records) == 64 else ["nothing was lost"]
    return wrong + ([] if traced.trace.records[-1].kind.name == "life_end" else ["the newest is not there"])


CASES = {
    "shadow, fault: as the ledger says": lambda: judge_agreement("shadow", "fault", "bochs"),
    "ept, tick: as the ledger says": lambda: judge_agreement("ept", "tick", "bochs"),
    "pv, privileged: as the ledger says": lambda: judge_agreement("pv", "privileged", "qemu"),
    "pv, forkexit: as the ledger says": lambda: judge_agreement("pv", "forkexit", "qemu"),
    "shadow, fault: regions": judge_regions, "ept, privileged: calls": judge_calls,
    "pv, syscall: a small ring": judge_overwriting,
}


def run(_jobs):
    """All of them, as a part of `make test`."""
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(case)
                               for case in (Reading, Writing, Places, Diff))
    out = io.StringIO()
    with contextlib.redirect_stderr(out):
        done = unittest.TextTestRunner(stream=out, verbosity=2).run(suite)
    print(out.getvalue().rstrip())
    bad = [f"trace: {case}: {text.strip().splitlines()[-1]}" for case, text in done.failures + done.errors]
    yield Result(done.testsRun - len(bad), bad)
    for name, case in CASES.items():
        if name.split(",")[0] not in columns.available():
            continue
        try:
            wrong = case()
        except Mistake as mistake:
            wrong = [str(mistake)]
        print(f"{'FAILED' if wrong else 'ok'}: trace, {name}", flush=True)
        yield Result(0, [f"trace, {name}: {'; '.join(wrong[:4])}"]) if wrong else Result(1)
