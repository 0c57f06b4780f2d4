"""`make grade-all` and submissions that attack it: a small tree with a lab whose grader does what the student's file says.
Each bad one has its outcome and a sentence, and the next student's grade is what it should be."""
import contextlib
import csv
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
from unittest import mock

import cases
import grade_all
from lib import sandbox
from lib.usage import Mistake
from strangers import archive, command_line

LAB = {"title": "a small lab", "files": ["src/core/walk.c"], "exercises": [{"id": "walk.1", "title": "", "needs": []},
                                                                          {"id": "walk.2", "title": "", "needs": []}],
       "host": {"program": "grade_walk.c", "tests": [{"name": "first", "exercise": "walk.1", "points": 3},
                                                     {"name": "second", "exercise": "walk.2", "points": 4}]}}
# The grader of the small lab: the student's file is a script, which earns the tests whose names it prints. It runs
# beside the grader, with its rights: worse than any real one.
GRADER = r"""
import json, os, subprocess, sys
arguments = dict(zip(sys.argv[2::2], sys.argv[3::2]))
path = arguments["--submission"] + "/src/core/walk.c"
done = subprocess.run(["sh", path, arguments["--json"]], stdout=subprocess.PIPE, text=True, errors="replace")
sys.stdout.write(done.stdout)
words = done.stdout.split()
tests = [{"test": name, "part": "host", "points": 3, "outcome": "success" if name in words else "failure",
          "message": "your files do not build: no" if "no-" + name in words else "it says nothing"} for name in ("first", "second")]
if not os.path.lexists(arguments["--json"]):
    with open(arguments["--json"], "w") as file:
        json.dump({"tests": tests}, file)
"""
GOOD = "echo first; echo second\n"
SMALL = sandbox.Limits(cpu=1, wall=20, processes=40, memory=300 << 20, file=4 << 20, scratch=60 << 20, output=20000)
FORGED = json.dumps({"tests": [{"test": name, "part": "host", "outcome": "success", "points": 1000}
                               for name in ("first", "second", "third")]})

# name: (the student's script, outcome, score, words of the sentence)
BAD = {
    "wrong": ("echo first", "graded", 3, "second failed: it says nothing"),
    "half built": ("echo first no-second", "no build", 3, "do not build"),
    "not built": ("echo no-first no-second", "no build", 0, "do not build"),
    "loop": ("while :; do :; done", None, 0, ""),  # SIGXCPU ends it, and the grader goes on; the wall on a busy machine
    "sleeper": ("sleep 1000", "limit", 0, "did not end within 20 s"),
    "hog": ("exec python3 -c 'a=[]\nwhile True: a.append(bytearray(1 << 20))'", "limit", 0, "MiB of memory"),
    "filler": ("i=0; while :; do head -c 4000000 /dev/zero >f$i; i=$((i+1)); done", "limit", 0, "MiB of files"),
    "forker": ("f() { f | f & }; f; sleep 1", None, 0, ""),
    "flood": ("yes first | head -c 3000000", "graded", 3, "second"),
    "stayer": ("setsid sh -c 'sleep 60.25 & sleep 60.25' >/dev/null 2>&1 & echo first", "graded", 3, "second"),
    "eraser": ("rm -rf ../tree ../submission $(dirname $1)/tree CANARY; echo first second", None, None, ""),
    "killer": ("kill -9 $PPID; echo first second", "error", 0, "no result"),
    "forger": (f"echo '{FORGED}' >$1; echo first", "error", 0, "not a result of this lab: unknown test"),
    "linker": ("ln -s /etc/passwd $1", "error", 0, "not a result of this lab"),
    "fifo": ("mkfifo $1", "error", 0, "no ordinary file"),
    "noise": ("head -c 3000000 /dev/urandom >$1", "error", 0, "not a result of this lab"),
    "escape": (r"printf 'first \033[2J\033]0;x\007 =cmd'", "graded", 3, "second"),
}


def small_tree(top):
    """A tree with the small lab."""
    here = os.path.abspath(os.curdir)
    os.makedirs(f"{top}/labs/walk")
    os.makedirs(f"{top}/src/core")
    os.makedirs(f"{top}/tools")
    for path, text in (("labs/order", "walk host\n"), ("labs/walk/lab.json", json.dumps(LAB)), ("src/core/walk.c", GOOD),
                       ("tools/labs.py", GRADER)):
        with open(f"{top}/{path}", "w", encoding="utf-8") as file:
            file.write(text)
    subprocess.run(["git", "init", "-q", top], check=True)
    os.chdir(top)
    return here


class Class(unittest.TestCase):
    """One class a test; the students' names decide who comes after whom."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, small_tree(f"{folder.name}/tree"))
        self.inbox, self.canary = f"{folder.name}/inbox", f"{folder.name}/canary"
        os.makedirs(self.inbox)
        with open(self.canary, "w", encoding="ascii") as file:
            file.write("alive")

    def hand_in(self, student, script):
        """A student's archive."""
        archive(f"{self.inbox}/{student}.tar.gz", [("lab-walk/src/core/walk.c", script.encode()),
                                                   ("lab-walk/Makefile", b"all: ; false"),
                                                   ("lab-walk/labs/walk/grade_walk.c", b"int main(void) { return 0; }")])

    def grade(self, *more):
        """{student: its row of the CSV}; what was printed."""
        out = io.StringIO()
        words = ["grade_all", "--lab", "walk", "--dir", self.inbox, "--csv", "marks.csv", *more]
        with mock.patch.object(grade_all, "LIMITS", SMALL), mock.patch.object(sys, "argv", words), \
                contextlib.redirect_stdout(out):
            grade_all.run()
        self.assertIsNone(next((char for char in out.getvalue() if not char.isprintable() and char != "\n"), None))
        with open("marks.csv", encoding="utf-8", newline="") as file:
            return {row["student"]: row for row in csv.DictReader(file)}, out.getvalue()

    def check_bad(self, names, *more):
        """These bad scripts, a good one after each."""
        bad = {name: BAD[name] for name in names}
        for name, (script, *_) in bad.items():
            self.hand_in(name, script.replace("CANARY", self.canary))
            self.hand_in(name + "-next", GOOD)
        rows, printed = self.grade(*more)
        for name, (_, outcome, score, words) in bad.items():
            with self.subTest(name):
                row = rows[name]
                self.assertTrue(row["sentence"] or row["outcome"] == "graded", row)
                self.assertIn(row["outcome"], (outcome,) if outcome else ("graded", "limit", "error"), row)
                self.assertIn(words, row["sentence"])
                if score is not None:
                    self.assertEqual(int(row["score"]), score, row)
                self.assertLessEqual(int(row["score"]), 7)
                after = rows[name + "-next"]
                self.assertEqual((after["outcome"], after["score"]), ("graded", "7"), after)
        self.assertEqual(len(printed.splitlines()), 2 * len(bad) + 3)
        if sandbox.find() != "none":
            self.assertTrue(os.path.exists(self.canary))
        self.assertFalse(any(b"60.25" in command_line(pid) for pid in sandbox.processes()))

    def test_bad(self):
        """By the best sandbox that there is, two at a time."""
        self.check_bad(BAD, "--jobs", "2")

    @unittest.skipIf(os.geteuid(), "root has this way")
    def test_bad_without_namespaces(self):
        """By a user of its own for each."""
        with mock.patch.dict(os.environ, {"TRIVISOR_SANDBOX": "user"}):
            self.check_bad(("sleeper", "forker", "stayer", "eraser", "killer"), "--jobs", "2")

    def test_archives(self):
        """What is no submission has its line, too."""
        self.hand_in("zoe", GOOD)
        self.hand_in("=cmd()", "echo first")
        archive(f"{self.inbox}/abs.tar.gz", [("/src/core/walk.c", b"x")])
        archive(f"{self.inbox}/link.tar.gz", [("l/src/core/walk.c", tarfile.SYMTYPE, "/etc/shadow")])
        archive(f"{self.inbox}/none.tar.gz", [("l/README", b"x")])
        for name in ("empty.tar.gz", "notes.txt"):
            with open(f"{self.inbox}/{name}", "w", encoding="ascii") as file:
                file.write("" if "empty" in name else "please grade me")
        os.symlink("/etc", f"{self.inbox}/etc")
        os.makedirs(f"{self.inbox}/folder/src/core")
        with open(f"{self.inbox}/folder/src/core/walk.c", "w", encoding="ascii") as file:
            file.write(GOOD)
        rows, _ = self.grade()
        self.assertEqual({name: row["outcome"] for name, row in rows.items()}, {
            "'=cmd()": "graded", "abs": "refused", "empty": "refused", "etc": "refused", "folder": "graded",
            "link": "refused", "none": "refused", "notes.txt": "refused", "zoe": "graded"})
        self.assertEqual(rows["zoe"]["score"], "7")
        self.assertEqual(rows["'=cmd()"]["walk.1"], "3")
        self.assertTrue(all(row["sentence"] for row in rows.values() if row["outcome"] == "refused"))

    def test_mistakes(self):
        """What the teacher can do wrong is one sentence; a grader that does not work grades nobody."""
        with self.assertRaises(Mistake):
            self.grade()
        self.hand_in("zoe", GOOD)
        with open("tools/labs.py", "w", encoding="ascii") as file:
            file.write("raise SystemExit('no compiler')")
        with self.assertRaisesRegex(Mistake, "does not work here.*no compiler"):
            self.grade()


def run(_jobs):
    """All of them, as a part of `make test`."""
    yield from cases.results("class", [Class])
