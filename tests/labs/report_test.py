"""The checker of the lab compare's report: which lines it takes, and what it says of the others."""
import contextlib
import importlib.util
import io
import json
import os
import sys
import tempfile
import unittest
from unittest import mock

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "labs", "compare")


def load():
    """labs/compare/check_report.py as a module."""
    spec = importlib.util.spec_from_file_location("check_report", os.path.join(FOLDER, "check_report.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record(column, ticks, cells, ops=10):
    """A record in which each figure is the same."""
    names = ("syscall_round", "page_fault_round", "load_root", "map_one", "map_batched")
    return {"column": column, "figures": {name: {"ticks": ticks, "ops": ops, "region": 1} for name in names},
            "regions": {"1": {"counters": {key: {"n": n, "ticks": spent} for key, (n, spent) in cells.items()}}}}


CELLS = {"native": {}, "ept": {}, "shadow": {"exit_page_fault": (10, 2000), "exit_vmcall": (0, 559), "shadow_reflect": (10, 0)},
         "pv": {"exit_page_fault": (10, 900), "hc_iret": (10, 1100), "hc_mmu_update": (1, 100)}}
TICKS = {"native": 10, "ept": 10, "shadow": 300, "pv": 250}


class Report(unittest.TestCase):
    """Each with a template that was filled in rightly, but for one thing."""

    def setUp(self):
        self.check = load()
        self.records = {(guest, column): record(column, TICKS[column], CELLS[column])
                        for guest, wanted in self.check.RUNS.items() for column in wanted}
        with open(os.path.join(FOLDER, "report.md"), encoding="utf-8") as file:
            self.template = file.read()
        words = " ".join(f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(70))
        self.text = f"the counters exit_syscall, exit_page_fault and hc_mmu_update: {words}"

    def right(self, key):
        """The value of a key."""
        kind = key.split(".")[0]
        if kind == "expect":
            return "3"
        found, name = self.check.record_of(self.records, key)
        if kind == "dearest":
            return self.check.figures.dearest(found, name)
        return f"{self.check.KINDS[kind][0](found, name):.2f}"

    def verdicts(self, change=None, text=None):
        """{test: its line} of the report with these keys changed."""
        lines = []
        for line in self.template.replace("-->\n...", f"-->\n{text or self.text}").splitlines():
            key, colon, rest = line.partition(": ...")
            if colon and key.count(".") == 2:
                line = f"{key}: {(change or {}).get(key, self.right(key))}{rest}"
            lines.append(line)
        return self.judged("\n".join(lines))

    def judged(self, text):
        """The same of any text."""
        out = io.StringIO()
        with tempfile.NamedTemporaryFile("w", suffix=".md", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            with mock.patch.object(self.check, "own_runs", return_value=self.records), \
                    mock.patch.object(sys, "argv", ["check_report.py", file.name, "."]), contextlib.redirect_stdout(out):
                self.check.main()
        lines = [json.loads(line.removeprefix("@grade ")) for line in out.getvalue().splitlines()]
        return {line["test"]: line for line in lines}

    def only(self, verdicts, test, says):
        """Just this test has failed, and says so."""
        self.assertEqual([name for name, line in verdicts.items() if not line["ok"]], [test])
        self.assertIn(says, verdicts[test]["what"])

    def test_right(self):
        """All is right."""
        self.assertTrue(all(line["ok"] for line in self.verdicts().values()))

    def test_template(self):
        """The untouched template has no point, and every test of lab.json its line."""
        found = self.judged(self.template)
        self.assertFalse(any(line["ok"] for line in found.values()))
        with open(os.path.join(FOLDER, "lab.json"), encoding="utf-8") as file:
            self.assertEqual([test["name"] for test in json.load(file)["answers"]["tests"]], list(found))

    def test_nothing(self):
        """Neither has an empty file, or one that is no text."""
        for text in ("", "\0\1:\2\n: :\n", "ticks.load_root.pv:\n" * 1000):
            self.assertFalse(any(line["ok"] for line in self.judged(text).values()))

    def test_wrong_ticks(self):
        """A figure of another build."""
        self.only(self.verdicts({"ticks.load_root.pv": "400"}), "measured_switch", "ticks.load_root.pv: 400: the column")

    def test_no_number(self):
        """Words where a number is wanted."""
        self.only(self.verdicts({"inside.syscall_round.pv": "half of it"}), "ledger_syscall", "this is no number")

    def test_calibration(self):
        """The ticks of the mark's own way out were counted, too."""
        self.only(self.verdicts({"inside.page_fault_round.shadow": "255.9"}), "ledger_fault", "counters without times")

    def test_not_divided(self):
        """Ticks and times of the whole region."""
        self.only(self.verdicts({"entries.map_batched.shadow": "10"}), "ledger_map", "divided by its ops")

    def test_dearest(self):
        """Not the counter with the most ticks."""
        self.only(self.verdicts({"dearest.syscall_round.pv": "exit_page_fault"}), "ledger_syscall", "not the largest")

    def test_model(self):
        """The model without the ticks."""
        self.only(self.verdicts({"model.page_fault_round.shadow": "1200"}), "model", "cycles an entry")

    def test_no_expectation(self):
        """Nothing was expected."""
        self.only(self.verdicts({"expect.load_root.ept": "less"}), "expected", "expect.load_root.ept: less")

    def test_prose(self):
        """Too short, the same word again and again, no counter."""
        long_but_empty = "word " * 100
        for text, says in (("exit_page_fault hc_iret", "words of your own"), (long_but_empty, "words of your own"),
                           (self.text.replace("_", " "), "no counter's name")):
            found = self.verdicts(text=text)
            self.assertFalse(found["why_fault"]["ok"])
            self.assertIn(says, found["why_fault"]["what"])


if __name__ == "__main__":
    unittest.main()
