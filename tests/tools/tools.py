"""The tools themselves: what the log reader takes for green and what not, the table's arithmetic, and
that a run which misses its budget fails."""
import contextlib
import io
import os
import shutil
import tempfile
import unittest
from unittest import mock

from lib import bochs, columns, console, figure, guests, record, runs, table
from lib.boot import Boot
from linux_test import Linux
import packed_test
from result import Result
from why_test import Why

GREEN = """\
[trivisor] @boot {"mode":"ept","image_bytes":1}
[hello] @guest {"name":"hello","platform":"full","tsc_khz":50000}
[hello] @figure {"name":"f","ticks":100,"min":100,"max":100,"n":3,"unit":"ticks","region":2,"ops":10}
[hello] @done {"name":"hello","ok":true,"checks":1,"failed":0}
[trivisor] @domain {"domain":"hello","life":1,"reason":"poweroff","code":0,"detail":"","expected":true}
[trivisor] @ledger {"domain":"hello","life":1,"region":2,"opened":1,"counters":{"exit_cpuid":{"n":10,"ticks":300}}}
[trivisor] @ledger {"domain":"hello","life":1,"region":2,"opened":1,"counters":{"exit_vmcall":{"n":0,"ticks":99}}}
[trivisor] @machine {"ok":true,"domains":1,"violations":0}
"""
ATTACK = '[hello] @attack {"id":1,"name":"wild","expect":"killed","detail":"wild"}\n'
KILLED = '[trivisor] @domain {"domain":"hello","life":1,"reason":"killed","code":0,"detail":"%s","expected":true}\n'


def wrong(text, under="trivisor"):
    """What the verdict finds."""
    return console.verdict(console.parse(text), under)


class Verdict(unittest.TestCase):
    """Green is only what is green in every respect."""

    def test_green(self):
        """Nothing to find."""
        self.assertEqual(wrong(GREEN), [])

    def test_each_line_counts(self):
        """Without its last words neither guest nor hypervisor has come to its end."""
        for word in ("@done", "@machine"):
            text = "".join(line for line in GREEN.splitlines(True) if word not in line)
            self.assertTrue(any("end" in what for what in wrong(text)), word)

    def test_bad_lines(self):
        """One such line fails the run, whatever else is said."""
        for line in ('[trivisor] @violation {"what":"count"}', '[trivisor] @panic {"what":"oops"}',
                     '[hello] @check {"what":"sum","expected":"0x1","got":"0x2"}', '[hello] @done {"ok":',
                     '[hello] @done {"name":"hello","ok":false,"checks":1,"failed":1}',
                     '[trivisor] @machine {"ok":false,"domains":1,"violations":0}',
                     '[hello] @attack {"id":1,"name":"a","expect":"-1","got":"0x0","ok":false}',
                     '[trivisor] @domain {"domain":"hello","life":2,"reason":"crash","code":1,"detail":"","expected":false}'):
            if line.endswith('"ok":'):
                line += "}"
            self.assertNotEqual(wrong(GREEN + line + "\n"), [], line)

    def test_attack_that_ends_a_life(self):
        """The life must end for the reason announced."""
        self.assertEqual(wrong(ATTACK + KILLED % "wild address" + GREEN), [])
        self.assertNotEqual(wrong(ATTACK + KILLED % "something else" + GREEN), [])
        self.assertNotEqual(wrong(GREEN + ATTACK), [])

    def test_empty(self):
        """Silence is not green, natively neither."""
        self.assertNotEqual(wrong("", ""), [])
        self.assertNotEqual(wrong("GRUB loading.\n"), [])

    def test_native(self):
        """Natively there are no prefixes and there is no hypervisor to hear from."""
        self.assertEqual(wrong('@done {"name":"hello","ok":true,"checks":1,"failed":0}\n', ""), [])


class Table(unittest.TestCase):
    """Ratios, exits, shares."""

    def setUp(self):
        speaker = console.parse(GREEN).speakers["hello"]
        self.ept = {"column": "ept", "figures": speaker.figures, "regions": speaker.regions}
        self.native = {"column": "native", "figures": {"f": {"ticks": 50, "unit": "ticks"}}, "regions": {}}

    def test_cell(self):
        """100 ticks for 50; 10 exits in 10 operations; 300 of 1000 ticks inside."""
        self.assertEqual(table.cell(self.ept, "f", self.native["figures"]["f"]), ["100", "2.00", "1", "30%"])

    def test_none(self):
        """A figure without meaning has a footnote."""
        self.native["figures"]["f"] = {"name": "f", "none": "because"}
        text = table.render({("hello", "native"): self.native, ("hello", "ept"): self.ept}, ["native", "ept"])
        self.assertIn("- hello/f in native: because", text)


class Guests(unittest.TestCase):
    """Configurations and command lines."""

    def test_all(self):
        """Every guest's configuration can be read."""
        self.assertEqual(guests.names(), guests.ORDER)
        for name in guests.names():
            self.assertGreater(guests.load(name).budget, 0)

    def test_beside(self):
        """The neighbour starts with its guest, under another name where it is the same guest."""
        both = Boot(columns.ALL["ept"], guests.load("hostile")).modules()
        self.assertEqual(len(both), 2)
        self.assertIn("with=hostile", both[1][1])

    def test_budget(self):
        """A run that misses its budget of ticks is a failure, and says so."""
        hello = guests.load("hello")
        short = guests.Guest(**{**hello.__dict__, "budget": 100000000})
        result = runs.one(Boot(columns.ALL["native"], short, tag="budget"))
        self.assertFalse(result["ok"])
        self.assertEqual(record.summary(result), "not finished after 100000000 ticks")


class NoPort(unittest.TestCase):
    """Two Bochs that start at the same moment."""

    FAKE = ("#!/bin/sh\nif [ -e once ]; then : >bochs.log; echo 'it runs' >com1.txt; exit 0; fi\ntouch once\n"
            "echo '>>PANIC<< RFB could not bind any port between 5900 and 5949' >bochs.log\nexit 1\n")

    def test_again(self):
        """The one that finds no port for its display is started again."""
        boot = Boot(columns.ALL["native"], guests.load("hello"), tag="no-port")
        shutil.rmtree(boot.folder, ignore_errors=True)
        os.makedirs(boot.folder)
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/bochs", "w", encoding="ascii") as file:
                file.write(self.FAKE)
            os.chmod(f"{folder}/bochs", 0o755)
            with mock.patch.dict(os.environ, {"PATH": f"{folder}:{os.environ['PATH']}"}):
                outcome = bochs.run(boot, "none.iso")
        self.assertEqual((outcome.log, outcome.complaints), ("it runs\n", []))


class Figures(unittest.TestCase):
    """Drawings of characters."""

    BOX = "+-------+\n| a<b-c |-->\n+-------+\n"

    def test_box(self):
        """Lines and heads of arrows are drawn; hyphens and angles between letters are text."""
        svg = figure.svg(self.BOX)
        self.assertIn(">a&lt;b-c</text>", svg)
        self.assertEqual(svg.count('class="head"'), 1)
        self.assertEqual(svg.count("<text"), 1)

    def test_which(self):
        """Not each block is a drawing."""
        self.assertTrue(figure.is_figure(self.BOX))
        self.assertTrue(figure.is_figure("guest -- exit --> exits.c\n                   |\n                   v\n"))
        self.assertFalse(figure.is_figure("[  FAILED  ] walk\n  expected 3 | got 4 --\n"))


def run(_jobs):
    """All of them, as a part of `make test`."""
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(case)
                               for case in (Verdict, Table, Guests, NoPort, Figures, Linux, Why, *packed_test.CASES))
    out = io.StringIO()
    with contextlib.redirect_stderr(out):
        done = unittest.TextTestRunner(stream=out, verbosity=2).run(suite)
    print(out.getvalue().rstrip())
    bad = [f"tools: {case}: {text.strip().splitlines()[-1]}" for case, text in done.failures + done.errors]
    yield Result(done.testsRun - len(bad), bad)
