"""The labs' own tools: cutting and what it refuses, handouts, seals, the checks of a student's objects; and the
graders graded (`make check-labs`)."""
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

from lib import (lab_answers, lab_catalog, lab_handout, lab_host, lab_matrix, lab_ready, lab_regions, lab_seal, lab_stated,
                 lab_tree, lab_verdict)
from lib.usage import Mistake
from report_test import Report
from result import Result

CODE = """\
/* What it is for. */
#include <stdint.h>

#include "walk.h"

/* Adds. */
int add(int a, int b)
{
    /* lab walk.1: return lab_missing("walk.1"), 0; */
    if (a) {
        return a + b;
    }
    return b; /* { */
    /* lab end walk.1 */
}

void two(void)
{
    /* lab walk.2 */
    add(1, 2);
    /* lab end walk.2 */
    add(3, 4);
    /* lab walk.2 */
    add(5, 6);
    /* lab end walk.2 */
}
"""
CUT = """\
/* What it is for. */
#include <stdint.h>

#include "lab.h"
#include "walk.h"

/* Adds. */
int add(int a, int b)
{
    /* Exercise walk.1: your code here (labs/walk/README.md). */
    return lab_missing("walk.1"), 0;
}

void two(void)
{
    /* Exercise walk.2, part 1 of 2: your code here (labs/walk/README.md). */
    lab_missing("walk.2");
    add(3, 4);
    /* Exercise walk.2, part 2 of 2: your code here (labs/walk/README.md). */
    lab_missing("walk.2");
}
"""
# (what is wrong, the file's text, words of the sentence)
BAD_REGIONS = [
    ("nested", "    /* lab a.1 */\n    x();\n    /* lab a.2 */\n    /* lab end a.2 */\n    /* lab end a.1 */\n",
     "x.c:3: the region a.2 begins within a.1"),
    ("the same within itself", "    /* lab a.1 */\n    x();\n    /* lab a.1 */\n    /* lab end a.1 */\n", "begins within"),
    ("no end", "int a;\n    /* lab a.1 */\n    x();\n", "x.c:2: the region a.1 has no end"),
    ("no beginning", "    /* lab end a.1 */\n", "without its beginning"),
    ("another's end", "    /* lab a.1 */\n    x();\n    /* lab end a.2 */\n", "`lab end a.2`, but a.1 began at line 1"),
    ("two functions", "    /* lab a.1 */\n}\nvoid f(void)\n{\n    /* lab end a.1 */\n", "within one function's body"),
    ("open brace", "    /* lab a.1 */\n    if (a) {\n    /* lab end a.1 */\n", "within one function's body"),
    ("outside of functions", "/* lab a.1 */\nint x;\n/* lab end a.1 */\n", "within one function's body"),
    ("empty", "    /* lab a.1 */\n    /* lab end a.1 */\n", "is empty"),
    ("in a line", "    x(); /* lab a.1 */\n    y();\n    /* lab end a.1 */\n", "on a line of its own"),
    ("stub that is no statement", "    /* lab a.1: return 0 */\n    x();\n    /* lab end a.1 */\n", "is no statement"),
]


class Regions(unittest.TestCase):
    """lab_regions."""

    def numbered(self, text):
        """The regions of a file, their parts numbered."""
        regions, parts = lab_regions.parse("x.c", text), {}
        for region in regions:
            parts[region.id] = region.part = parts.get(region.id, 0) + 1
        return regions, parts

    def test_cut_and_solve(self):
        """Holes are cut, or filled again with what was there."""
        regions, parts = self.numbered(CODE)
        self.assertEqual(lab_regions.rewrite(CODE, regions, lambda region: "cut", parts), CUT)
        solved = lab_regions.rewrite(CODE, regions, lambda region: "solve", parts)
        self.assertEqual(solved, "".join(line for line in CODE.splitlines(True) if "/* lab " not in line))
        self.assertEqual(lab_regions.rewrite(CODE, regions, lambda region: "keep", parts), CODE)

    def test_folded_marker(self):
        """A marker may be folded by the formatter."""
        text = "    /* lab a.1: first(with, many, arguments);\n     * return 0; */\n    x();\n    /* lab end a.1 */\n"
        self.assertEqual(lab_regions.parse("x.c", text)[0].stub, "first(with, many, arguments); return 0;")

    def test_weak(self):
        """Weak code stands in a handout without a word, and nothing is included for it."""
        text = "int f(int a)\n{\n    /* lab a.1 weak: int b = a;  if (!b) return 1; return 0; */\n    return a > 1;\n    /* lab end a.1 */\n}\n"
        regions = lab_regions.parse("x.c", text)
        cut = lab_regions.rewrite(text, regions, lambda region: "cut", {"a.1": 1})
        self.assertEqual(cut, "int f(int a)\n{\n    int b = a;\n\n    if (!b)\n        return 1;\n    return 0;\n}\n")

    def test_assembly(self):
        """Regions of an assembly file."""
        text = '%include "x.inc"\nf:\n    ; lab a.1\n    mov eax, 1\n    ret\n    ; lab end a.1\n'
        regions = lab_regions.parse("x.asm", text)
        cut = lab_regions.rewrite(text, regions, lambda region: "cut", {"a.1": 1})
        self.assertEqual(cut, '%include "lab.inc"\n%include "x.inc"\nf:\n    ; Exercise a.1: your code here (labs/a/README.md).\n'
                              '    LAB_MISSING "a.1"\n')

    def test_refused(self):
        """Each mistake in the markers has its sentence."""
        for what, text, words in BAD_REGIONS:
            with self.subTest(what), self.assertRaises(Mistake) as caught:
                lab_regions.parse("x.c", text)
            self.assertIn(words, str(caught.exception))

    def test_tour(self):
        """The comments of the tour go."""
        self.assertEqual(lab_regions.without_tour("/*\n * Tour 3: a thing.\n */\n\nint a;\n"), "int a;\n")
        text = "int a;\n\n/*\n * Tour 3 [A part]: a thing. It is\n * so.\n */\n\n/* b */\nint b;\n"
        self.assertEqual(lab_regions.without_tour(text), "int a;\n\n/* b */\nint b;\n")
        self.assertEqual(lab_regions.without_tour("; Tour 3: a thing. It is\n; so.\nlabel:\n"), "label:\n")

    def test_tour_at_the_head(self):
        """At a file's head only the tag goes: the head is the contract."""
        for before, after in (("/*\n * Tour 3 [A]: a thing.\n *\n * The contract.\n */\nint a;\n",
                               "/*\n * The contract.\n */\nint a;\n"),
                              ("; Tour 3: a thing.\n;\n; The contract.\n", "; The contract.\n")):
            self.assertEqual(lab_regions.without_tour(before), after)


class Handouts(unittest.TestCase):
    """make handout."""

    def refused(self, words, **options):
        """The tool's sentence, exit status 2, no traceback."""
        line = [sys.executable, "-B", "tools/labs.py", "handout"]
        line += [word for key, value in options.items() for word in (f"--{key}", value)]
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
        self.assertIn(words, done.stderr)

    def test_refused(self):
        """Unknown lab, no folder, a folder with something in it, unknown EARLIER."""
        with tempfile.TemporaryDirectory() as folder:
            there = os.path.join(folder, "new")
            self.refused("Say which lab", dir=there)
            self.refused("LAB=wlk is unknown: choose from ", lab="wlk", dir=there)
            self.refused("LAB=../walk is unknown", lab="../walk", dir=there)
            self.refused("Say where the handout goes", lab="walk")
            self.refused("EARLIER=some is unknown", lab="walk", dir=there, earlier="some")
            self.assertFalse(os.path.exists(there))
            with open(os.path.join(folder, "mine"), "w", encoding="ascii"):
                pass
            self.refused("is not empty", lab="walk", dir=folder)
            self.refused("is not empty", lab="walk", dir=os.path.join(folder, "mine"))
            self.assertEqual(os.listdir(folder), ["mine"])

    def test_all(self):
        """No solution is left in any handout: not in the sources, nor beside, nor in its history."""
        found = lab_regions.scan(".")
        order = [name for name, _ in lab_catalog.entries()]
        for name in lab_catalog.names():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                lab_handout.make(name, folder)
                self.check_handout(name, folder, order, found)

    def check_handout(self, name, folder, order, found):
        """One of them."""
        commits = lab_handout.run(["git", "rev-list", "--all"], folder).split()
        self.assertEqual((len(commits), lab_handout.run(["git", "status", "--short"], folder)), (1, ""))
        here = set(lab_handout.files_of(folder))
        self.assertFalse([path for path in here if path.startswith(("tests/model", "tests/mutants", ".ci"))
                          or "/wrong/" in path or path.endswith(("INSTRUCTOR.md", "docs/tour.md"))])
        self.assertTrue(lab_tree.is_handout(folder))
        for path, regions in found.items():
            text = lab_regions.read(folder, path) if path in here else ""
            self.assertNotIn("/* lab ", text)
            self.assertNotIn("; lab ", text)
            for region in regions:
                if order.index(region.lab) >= order.index(name) and len(region.body) > 40:
                    self.assertNotIn(region.body, text, region.id)
                elif order.index(region.lab) < order.index(name):
                    self.assertIn(region.body, text, region.id)

    def test_earlier(self):
        """Earlier labs are holes, too, if the teacher wants it."""
        name = lab_catalog.names()[-1]
        with tempfile.TemporaryDirectory() as folder:
            holes = lab_handout.make(name, folder, "holes")
        order = [entry for entry, _ in lab_catalog.entries()]
        before = {region.id for regions in lab_regions.scan(".").values() for region in regions
                  if order.index(region.lab) <= order.index(name)}
        self.assertEqual(holes, before)


class Handin(unittest.TestCase):
    """make handin, in a handout of `walk`."""

    def tool(self, folder, *words):
        """(exit status, what the tool said) in the student's tree."""
        done = subprocess.run([sys.executable, "-B", "tools/labs.py", *words], cwd=folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.returncode, done.stdout

    def commit(self, folder):
        """All changes."""
        lab_handout.run(["git", "commit", "-qam", "mine"], folder, **lab_handout.COMMIT)

    def test_all(self):
        """What is committed is packed, twice the same bytes; refused with changes, and if it does not build; the grader
        takes the archive, and no more than its listed files."""
        with tempfile.TemporaryDirectory() as top:
            folder, path = os.path.join(top, "tree"), "src/core/walk.c"
            lab_handout.make("walk", folder)
            handin = ("handin", "--lab", "walk", "--student", "anna")
            status, said = self.tool(folder, *handin)
            self.assertEqual(status, 0, said)
            archive = os.path.join(folder, said.split()[0])
            with open(archive, "rb") as file:
                first = file.read()
            self.tool(folder, *handin)
            with open(archive, "rb") as file:
                self.assertEqual(first, file.read())
            found, wrong = lab_tree.submitted(lab_catalog.load("walk"), archive)
            self.assertEqual((sorted(found), wrong), (sorted(lab_catalog.load("walk").files), ""))
            text = lab_regions.read(folder, path)
            lab_regions.write(folder, path, text + "\n")
            status, said = self.tool(folder, *handin)
            self.assertEqual((status, said.count("\n")), (2, 1), said)
            self.assertIn("src/core/walk.c has changes that are not committed", said)
            lab_regions.write(folder, path, text + "int x = ;\n")
            self.commit(folder)
            status, said = self.tool(folder, *handin)
            self.assertEqual(status, 2)
            self.assertIn("does not build, and is not handed in", said)
            status, said = self.tool(folder, *handin[:-1], "../anna")
            self.assertEqual((status, said.count("\n")), (2, 1), said)
            os.remove(os.path.join(folder, path))
            status, said = self.tool(folder, "grade", "--lab", "walk")
            self.assertEqual(status, 0)
            self.assertIn("src/core/walk.c was not handed in", said)


class Seals(unittest.TestCase):
    """lab_seal."""
    KEY = (0x0706050403020100, 0x0f0e0d0c0b0a0908)

    def test_siphash(self):
        """The vector of the paper's appendix A."""
        self.assertEqual(lab_seal.siphash(self.KEY, bytes(range(15))), 0xa129ca6149be45e5)

    def line(self, text, key):
        """A sealed line."""
        return f'[guest] @grade {text},"seal":"{lab_seal.siphash(key, text.encode()):016x}"}}\n'

    def test_lines(self):
        """Only what has this run's seal, and comes from a guest, counts; what failed once has failed."""
        good, bad = '{"test":"a","n":0,"ok":true', '{"test":"a","n":1,"ok":false'
        self.assertTrue(lab_seal.read(self.line(good, self.KEY), self.KEY)["a"]["ok"])
        forged = ['[guest] @grade {"test":"a","ok":true}\n', self.line(good, (0, 0)),
                  self.line(bad, self.KEY).replace("false", "true"),
                  self.line(good, self.KEY).replace("[guest]", "[trivisor]")]
        for line in forged:
            self.assertEqual(lab_seal.read(line, self.KEY), {}, line)
        both = self.line(bad, self.KEY) + self.line(good, self.KEY)
        self.assertFalse(lab_seal.read(both, self.KEY)["a"]["ok"])


# What a student's walk.c may not have: (what, text at its end, words of the sentence).
HOSTILE = [
    ("constructor", "__attribute__((constructor)) static void early(void)\n{\n    *(volatile int *)64 = 1;\n}\n", "runs before the grader"),
    ("sanitizers' constructor", "#pragma GCC diagnostic ignored \"-Wprio-ctor-dtor\"\n__attribute__((constructor(99))) "
     "static void early(void)\n{\n    *(volatile int *)64 = 1;\n}\n", "runs before the grader"),
    ("system call", 'void walk_error_(void);\nstatic __attribute__((used)) void f(void)\n{\n    __asm__ volatile("syscall");\n}\n',
     "the instruction syscall"),
    ("call out", "int system(const char *);\nstatic __attribute__((used)) int f(void)\n{\n    return system(\"true\");\n}\n",
     "a call out of the tree: system"),
    ("interposed name", "int _cmocka_run_group_tests(void);\nint _cmocka_run_group_tests(void)\n{\n    return 0;\n}\n",
     "a global name that the tree's file does not have: _cmocka_run_group_tests"),
    ("incbin", '__asm__(".incbin \\"/etc/hostname\\"");\n', ".incbin"),
    ("include", '#include "/proc/self/environ"\n', "do not build"),
    ("section", '__attribute__((section(".mine,\\"awx\\"#"), used)) static int f(void)\n{\n    return 0;\n}\n', "section"),
    ("does not compile", "int x = ;\n", "src/core/walk.c"),
]


class Hostile(unittest.TestCase):
    """The checks of a student's objects, on the lab `walk`."""

    def test_objects(self):
        """Each is refused with a sentence; the untouched file is not."""
        lab = lab_catalog.load("walk")
        clean = lab_tree.clean()
        tree = os.path.abspath(os.path.join(lab_tree.SCRATCH, "hostile"))
        lab_tree.sync(tree, clean)
        builder = lab_host.Builder(tree)
        originals = {path: builder.compile(path) for path in lab.data["files"]}
        lab_host.build(lab, builder, originals)
        for what, text, words in HOSTILE:
            with self.subTest(what):
                lab_tree.sync(tree, lab_tree.overlay(clean, {"src/core/walk.c": clean["src/core/walk.c"][0] + text.encode()}))
                verdicts = lab_host.grade(lab, builder, originals, 1)
                self.assertEqual({verdict.outcome for verdict in verdicts}, {"failure"})
                self.assertIn(words, verdicts[0].message)

    def test_endless_and_crashing(self):
        """A loop without end, and a wild pointer, are outcomes of their own."""
        lab = lab_catalog.load("walk")
        matrix = lab_matrix.Matrix("walk")
        clean = lab_tree.clean()
        tree = os.path.abspath(os.path.join(lab_tree.SCRATCH, "hostile"))
        lab_tree.sync(tree, clean)
        builder = lab_host.Builder(tree)
        originals = {path: builder.compile(path) for path in lab.data["files"]}
        test = next(test for test in lab.tests if test.name == "rights_user")
        for body, outcome in (("    for (volatile unsigned i = 0;; i++)\n        ;\n", "budget"),
                              ("    return *(volatile bool *)(unsigned long)(16 + nx);\n", "crash"),
                              ("    __builtin_trap();\n", "crash")):
            files = matrix.filled(matrix.holes, ("walk.1", 1, body))
            lab_tree.sync(tree, lab_tree.overlay(clean, {path: text.encode() for path, text in files.items()}))
            lab_handout.run(["make", "-s", "build/labs/walk/vectors"], ".")
            environment = {**os.environ, "GRADE_VECTORS": os.path.abspath("build/labs/walk/vectors")}
            verdict = lab_host.run_test(test, lab_host.build(lab, builder, originals), 1, environment)
            self.assertEqual(verdict.outcome, outcome, verdict)

    def test_busy_machine(self):
        """Time on the clock is the machine's fault, not the student's."""
        with self.assertRaises(lab_host.Broken):
            lab_host.within(["sleep", "100"], 0.1)


class Stated(unittest.TestCase):
    """lab_stated: the numbers of a handout."""

    def test_sums(self):
        """Right as they are; a point or a score that has not followed the tests is named."""
        lab = lab_catalog.load("walk")
        with open("labs/walk/README.md", encoding="utf-8") as file:
            text = file.read()
        self.assertEqual(list(lab_stated.check(lab, text)), [exercise.id for exercise in lab.exercises])
        for old, new, words in (("(10 points)", "(11 points)", "walk.1 has 10 points"),
                                ("`Score: 25/75`", "`Score: 25/74`", "after walk.3 is 25/75"),
                                ("`Score: 50/75`", "`Score: 49/75`", "after walk.6 is 50/75")):
            self.assertIn(old, text)
            with self.assertRaisesRegex(Mistake, words):
                lab_stated.check(lab, text.replace(old, new, 1))


class Reports(unittest.TestCase):
    """lab_verdict."""

    def test_forms(self):
        """The score, and well-formed JSON and XML whatever a message says."""
        lab = lab_catalog.load("walk")
        nasty = 'a "quoted" <tag> & \x1b[31m'
        verdicts = [lab_verdict.of(lab.tests[0], "host", "success"),
                    lab_verdict.of(lab.tests[1], "host", "failure", nasty, expected="1", got="<2>"),
                    lab_verdict.of(lab.tests[2], "host", "error", nasty)]
        self.assertIn(f"Score: {lab.tests[0].points}/", lab_verdict.for_people(lab, verdicts))
        self.assertEqual(json.loads(lab_verdict.as_json(lab, verdicts, 1.0))["tests"][1]["outcome"], "failure")
        suite = xml.dom.minidom.parseString(lab_verdict.as_junit(lab, verdicts, 1.0)).documentElement
        self.assertEqual((suite.getAttribute("failures"), suite.getAttribute("errors")), ("1", "1"))


class Answers(unittest.TestCase):
    """lab_answers: fixed questions."""
    RIGHT = {"flush": {"right": ["protect", "the leaf"], "think": "again"}, "count": {"right": ["0x13"], "think": "again"}}

    def wrong(self, right, **answers):
        """The questions that are not answered rightly."""
        return [key for key, _, _ in lab_answers.wrong_fixed(right, list(self.RIGHT), answers)]

    def test_fixed(self):
        """Numbers in any form, names in any case; without the right ones only what is missing is wrong."""
        self.assertEqual(self.wrong(self.RIGHT, flush="Protect", count="19"), [])
        self.assertEqual(self.wrong(self.RIGHT, flush="the leaf.", count="0x013"), [])
        self.assertEqual(self.wrong(self.RIGHT, flush="split", count="18"), ["flush", "count"])
        self.assertEqual(self.wrong(self.RIGHT, count="19"), ["flush"])
        self.assertEqual(self.wrong(None, flush="split"), ["count"])


class Ready(unittest.TestCase):
    """lab_ready: what is built already."""
    SOURCES = {"Makefile": b"all:\n", "src/src.mk": b"\n", "src/a.c": b"int a;\n", "src/a.h": b"\n"}
    OBJECT = "build/ept/debug/src/a.c.o"

    def make(self, top):
        """A tree in which src/a.c is compiled."""
        os.makedirs(os.path.join(top, os.path.dirname(self.OBJECT)))
        lab_tree.sync(top, self.files())
        for path in self.SOURCES:
            os.utime(os.path.join(top, path), (1000, 1000))
        lab_regions.write(top, self.OBJECT, "object")
        lab_regions.write(top, self.OBJECT[:-2] + ".d", f"{self.OBJECT}: src/a.c \\\n src/a.h\n\nsrc/a.h:\n")

    def files(self, **other):
        """What lab_tree.sync wants."""
        return {path: (other.get(path, content), 0o644) for path, content in self.SOURCES.items()}

    def taken(self, change=lambda top: None, **other):
        """How many objects are taken over into a tree with some other files, after a change to the first."""
        with tempfile.TemporaryDirectory() as top, tempfile.TemporaryDirectory() as tree:
            self.make(top)
            change(top)
            lab_tree.sync(tree, self.files(**other))
            count = lab_ready.take_over(top, tree, self.files(**other))
            self.assertEqual(os.path.exists(os.path.join(tree, self.OBJECT)), count == 1)
            return count

    def test_all(self):
        """Taken if it would be the same, and only then."""
        self.assertEqual(self.taken(), 1)
        for path in self.SOURCES:
            with self.subTest(path):
                self.assertEqual(self.taken(**{path: b"other\n"}), 0)
                self.assertEqual(self.taken(lambda top, path=path: os.utime(os.path.join(top, path), (1 << 40, 1 << 40))), 0)
        self.assertEqual(self.taken(lambda top: os.remove(os.path.join(top, self.OBJECT[:-2] + ".d"))), 0)
        self.assertEqual(self.taken(lambda top: os.remove(os.path.join(top, "src/a.h"))), 0)


CASES = (Regions, Handouts, Handin, Seals, Answers, Ready, Hostile, Reports, Report)


def matrix(jobs):
    """check-labs: each lab's host part and one boot."""
    for name, variant, wrong, report in lab_matrix.check(lab_catalog.names(), jobs):
        print(f"{'FAILED' if wrong else 'ok'}: {name}: {variant.what} {wrong}".rstrip(), flush=True)
        if wrong:
            print(report)
        yield Result(0, [f"lab {name}: {variant.what}: {wrong}"]) if wrong else Result(1)


def run(jobs):
    """All of them, as a part of `make test`."""
    lab_handout.forget_make()
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in CASES)
    out = io.StringIO()
    with contextlib.redirect_stderr(out):
        done = unittest.TextTestRunner(stream=out, verbosity=2).run(suite)
    print(out.getvalue().rstrip())
    bad = [f"labs: {case}: {text.strip().splitlines()[-1]}" for case, text in done.failures + done.errors]
    yield Result(done.testsRun - len(bad), bad)
    yield from matrix(jobs)
