#!/usr/bin/env python3
"""`make grade-all`: a class. Each submission in DIR (archives as `make handin` makes them, or folders) is graded by
`make grade` in a sandbox of its own (lib/sandbox.py), which has a copy of the tree: nothing of one submission is there
when the next one is graded. One line a student, and the same as CSV; the reports go to build/grades/LAB/.

First the tree itself is graded, in the same way: if that fails the grader is at fault, and nobody is graded."""
import argparse
import concurrent.futures
import contextlib
import csv
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile

from lib import lab_catalog, lab_handout, sandbox, unpack
from lib.usage import Mistake, main

MOST_RESULT = 4 << 20  # bytes of a grader's JSON
LIMITS = sandbox.Limits()
NO_BUILD = "your files do not build"  # so begins lab_host's and lab_boot's sentence
BAD = {"failure": "failed", "crash": "crashed", "budget": "took too long", "skip": "was skipped",
       "error": "could not be judged"}


class Row:
    """A student's line."""

    def __init__(self, student, outcome, sentence, score=0, exercises=None):
        self.student, self.outcome, self.sentence = student, outcome, sentence
        self.score, self.exercises = score, exercises or {}


def printable(text, most=300):
    """One line without control characters, so that no file's name or message commands the terminal."""
    line = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return line if len(line) <= most else line[:most - 3] + "..."


def for_sheet(text):
    """The same for a cell: a spreadsheet takes these for the beginning of a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


def submissions(folder):
    """(student, path) of all that lies in the folder, in the order of the names."""
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise Mistake(f"DIR={folder} cannot be read: {error.strerror}.") from error
    if not names:
        raise Mistake(f"DIR={folder} is empty: it should have an archive for each student, as `make handin` makes them.")
    students = [unpack.student(name) for name in names]
    return [(student if students.count(student) == 1 else name, os.path.join(folder, name))
            for name, student in zip(names, students)]


def take(path, wanted):
    """The submission's listed files, or unpack.Refused."""
    if os.path.islink(path):
        raise unpack.Refused("it is a link")
    if os.path.isdir(path):
        found = unpack.take_folder(path, wanted)
    elif os.path.isfile(path):
        found = unpack.take(path, wanted)
    else:
        raise unpack.Refused("it is neither a file nor a folder")
    if not found:
        raise unpack.Refused(f"it has none of the lab's files: {', '.join(wanted)}")
    return found


def read_result(path, lab):
    """The grader's JSON, believed only as far as the lab knows it: {(part, test): result}."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("no ordinary file")
        data = json.loads(file.read(MOST_RESULT))
    points = {(test.part, test.name): test.points for test in lab.tests}
    found = {}
    for test in data["tests"]:
        name = (test["part"].split()[0], test["test"])
        if test["outcome"] not in ("success", *BAD) or name not in points:
            raise ValueError(f"unknown test or outcome: {name}")
        found[name] = test
    if set(found) != set(points):
        raise ValueError("not the lab's tests")
    return found


def judge(student, lab, found):
    """The line of what the grader found."""
    exercises, wrong = {exercise.id: 0 for exercise in lab.exercises}, []
    for test in lab.tests:
        result = found[(test.part, test.name)]
        if result["outcome"] == "success":
            name = test.exercise or "questions"
            exercises[name] = exercises.get(name, 0) + test.points
        else:
            wrong.append((test, result))
    score = sum(exercises.values())
    if not wrong:
        return Row(student, "graded", "", score, exercises)
    errors = [pair for pair in wrong if pair[1]["outcome"] == "error"]
    test, result = (errors or wrong)[0]
    message = str(result.get("message", ""))
    builds = [sentence for sentence in (str(other.get("message", "")) for _, other in wrong) if sentence.startswith(NO_BUILD)]
    if builds and not errors:
        return Row(student, "no build", builds[0], score, exercises)
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return Row(student, "error" if errors else "graded",
               f"{test.name} {BAD[result['outcome']]}: {message}{more}", score, exercises)


class Class:
    """All that the gradings have in common."""

    def __init__(self, lab, reports):
        self.lab, self.reports = lab, reports
        self.kind = sandbox.find()
        self.ready = None  # the tree, with all that does not depend on a submission built

    def box(self):
        """A sandbox with the tree in it."""
        box = sandbox.Sandbox(self.kind)
        if self.ready:
            subprocess.run(["cp", "-a", "--reflink=auto", self.ready, f"{box.scratch}/tree"], check=True)
        return box

    def run(self, box, student, files):
        """Grades files in a box; its line. The report is kept."""
        for path, content in files.items():
            there = os.path.join(box.scratch, "submission", path)
            os.makedirs(os.path.dirname(there), exist_ok=True)
            with open(there, "wb") as file:
                file.write(content)
        box.give(box.scratch)
        result = f"{box.scratch}/result.json"
        words = ["python3", "-B", "tools/labs.py", "grade", "--lab", self.lab.name, "--submission",
                 box.place(f"{box.scratch}/submission"), "--json", box.place(result)]
        ended = box.run(["env", "-C", box.place(f"{box.scratch}/tree"), *words], {}, LIMITS)
        with open(f"{self.reports}/{printable(student).replace('/', '?')}.txt", "w", encoding="utf-8") as file:
            file.write(ended.output + (f"\n{ended.limit}\n" if ended.limit else ""))
        if ended.limit:
            return Row(student, "limit", ended.limit)
        try:
            return judge(student, self.lab, read_result(result, self.lab))
        except FileNotFoundError:
            last = (ended.output.strip().splitlines() or [f"it ended with status {ended.status}"])[-1]
            return Row(student, "error", f"the grader came to no result: {last}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return Row(student, "error", f"what the grader left is not a result of this lab: {error}")

    def prepare(self):
        """Grades the tree itself; what was built on the way is what each submission starts from."""
        box = self.box()
        tree = f"{box.scratch}/tree"
        lab_handout.copy(".", tree, lab_handout.files_of("."))
        for words in (["init", "-q"], ["add", "-A"]):
            subprocess.run(["git", "-C", tree, *words], check=True, stdout=subprocess.DEVNULL)
        files = {path: read_bytes(path) for path in self.lab.files if os.path.exists(path)}
        right = f"{self.lab.folder}/wrong/answers.txt"
        if os.path.exists(right):
            files[f"{self.lab.folder}/{self.lab.data['answers']['file']}"] = read_bytes(right)
        row = self.run(box, "the-tree-itself", files)
        questions = sum(test.points for test in self.lab.tests if test.part == "answers")
        if row.outcome != "graded" or row.score < self.lab.points - questions:
            raise Mistake(f"The grader does not work here, nobody was graded: the tree itself scores {row.score}/"
                          f"{self.lab.points}: {row.sentence} (see {self.reports}/the-tree-itself.txt)")
        self.ready = tempfile.mkdtemp(prefix="trivisor-tree-") + "/tree"
        os.rename(tree, self.ready)
        shutil.rmtree(f"{self.ready}/build/grade/{self.lab.name}/build/boots", ignore_errors=True)
        box.close()
        return row

    def grade(self, student, path):
        """One student's line, whatever happens."""
        try:
            files = take(path, self.lab.files)
            with contextlib.closing(self.box()) as box:
                return self.run(box, student, files)
        except unpack.Refused as error:
            return Row(student, "refused", str(error))
        except Exception as error:  # pylint: disable=broad-exception-caught
            return Row(student, "error", f"grading it failed: {error!r}")

    def close(self):
        """Nothing is left."""
        if self.ready:
            shutil.rmtree(os.path.dirname(self.ready), ignore_errors=True)


def read_bytes(path):
    """A file's content."""
    with open(path, "rb") as file:
        return file.read()


def write_csv(path, lab, rows):
    """One line a student."""
    columns = [exercise.id for exercise in lab.exercises]
    columns += sorted({name for row in rows for name in row.exercises} - set(columns))
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["student", "lab", "outcome", "score", "points", *columns, "sentence"])
        for row in rows:
            out.writerow([for_sheet(printable(row.student)), lab.name, row.outcome, row.score, lab.points,
                          *(row.exercises.get(name, 0) for name in columns), for_sheet(printable(row.sentence))])


def grade_class(lab, work, args):
    """Grades them all; the rows."""
    found = submissions(args.dir)
    print(sandbox.sentence(work.kind), flush=True)
    itself = work.prepare()
    but = "" if itself.score == lab.points else " (all but the questions, whose answers are not in it)"
    print(f"The tree itself scores {itself.score}/{lab.points}{but}: the grader works.", flush=True)
    jobs = 1 if work.kind == "none" else int(args.jobs or 1)
    rows = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for row in pool.map(lambda pair: work.grade(*pair), found):
            rows.append(row)
            print(f"{printable(row.student, 24):24} {row.score:3}/{lab.points} {row.outcome:9} "
                  f"{printable(row.sentence)}".rstrip(), flush=True)
    return rows


def run():
    """Exit status 1 if the grader itself was at fault for somebody."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("lab", "dir", "csv", "jobs"):
        parser.add_argument(f"--{option}", default="")
    args = parser.parse_args()
    lab = lab_catalog.load(args.lab)
    if not args.dir:
        raise Mistake("Say where the submissions are: DIR=folder with an archive for each student.")
    if args.jobs and not (args.jobs.isdigit() and int(args.jobs)):
        raise Mistake(f"AT_ONCE={args.jobs} is not a number of submissions to grade at once.")
    reports = f"build/grades/{lab.name}"
    os.makedirs(reports, exist_ok=True)
    work = Class(lab, reports)
    try:
        rows = grade_class(lab, work, args)
    finally:
        work.close()
    path = args.csv or f"{reports}.csv"
    write_csv(path, lab, rows)
    print(f"{len(rows)} submissions; {path} has the same lines, {reports}/ the reports.")
    return 1 if any(row.outcome == "error" for row in rows) else 0


if __name__ == "__main__":
    main(run)
