"""Grading one submission of one lab: the grader's clean tree, the student's listed files over it, all parts."""
import json
import os
import secrets
import subprocess
import sys
import time

from lib import lab_attack, lab_boot, lab_catalog, lab_handout, lab_host, lab_ready, lab_regions, lab_tree, lab_verdict
from lib.usage import Mistake

ANSWER_SECONDS = 300  # the last net only: a checker's boots have budgets in ticks


class Grader:
    """Grades submissions of one lab in a scratch folder; two Graders must not share a folder."""

    def __init__(self, name, top=".", scratch=None, seed=None, clean=None):
        self.lab, self.top = lab_catalog.load(name, top), top
        self.tree = os.path.abspath(scratch or os.path.join(lab_tree.SCRATCH, name))
        self.seed = secrets.randbits(63) if seed is None else seed
        self.clean = clean or lab_tree.clean(top)
        self.originals, self.vectors, self.builder = {}, "", None

    def prepare(self):
        """Once, in the clean tree: the objects that submissions are compared with, and the vectors."""
        host = self.lab.data.get("host")
        if self.builder or not host:
            return
        lab_tree.sync(self.tree, self.clean)
        self.builder = lab_host.Builder(self.tree, host.get("flags", []))
        sources = lab_host.head(self.tree, f"{self.lab.folder}/{host['program']}", "sources")
        for path in sources:
            if path in self.lab.files:
                self.originals[path] = self.builder.compile(path)
        if host.get("vectors"):
            self.vectors = self._vectors()

    def _vectors(self):
        """A file of vectors: made for this run where the model is there, else the handout's."""
        maker = f"build/labs/{self.lab.name}/make_vectors"
        if not os.path.exists(os.path.join(self.tree, f"tests/model/{self.lab.name}_vectors.c")):
            return os.path.join(self.tree, self.lab.folder, "vectors")
        lab_handout.run(["make", "-s", maker], self.tree)
        text = lab_handout.run([os.path.join(self.tree, maker), f"{self.seed:x}"], self.tree)
        path = f"build/labs/{self.lab.name}/vectors"
        lab_regions.write(self.tree, path, text)
        return os.path.join(self.tree, path)

    def parts(self, files, host=True, boots=None, answers=None):
        """The verdicts for a tree; boots: numbers of the boot parts, or None for all."""
        if not os.path.exists(os.path.join(self.tree, "build")):
            lab_tree.sync(self.tree, files)
            lab_ready.take_over(self.top, self.tree, files)
        self.prepare()
        lab_tree.sync(self.tree, files)
        verdicts = []
        if self.builder:
            self.builder.refresh()
        if self.lab.data.get("host") and host:
            verdicts += lab_host.grade(self.lab, self.builder, self.originals, self.seed, self.vectors)
        if self.lab.data.get("boot") and boots != []:
            trees = lab_attack.Trees(self.lab, self.tree, self.clean, files) if lab_attack.wanted(self.lab, boots) else None
            verdicts += lab_boot.grade(self.lab, self.tree, os.cpu_count(), boots, trees)
        if answers is not None:
            verdicts += self._answers(answers)
        return sorted(verdicts, key=self._place)

    def _place(self, verdict):
        ids = [exercise.id for exercise in self.lab.exercises]
        names = [(test.part, test.name) for test in self.lab.tests]
        part = verdict.part.split()[0]
        return (ids.index(verdict.exercise) if verdict.exercise in ids else len(ids), names.index((part, verdict.test)))

    def _answers(self, submission):
        """The questions: the lab's checker says a line a test."""
        part = self.lab.data["answers"]
        tests = [test for test in self.lab.tests if test.part == "answers"]
        path = os.path.join(self.tree, self.lab.folder, part["file"])
        words = [sys.executable, "-B", f"{self.lab.folder}/{part['checker']}", path, submission]
        try:
            done = subprocess.run(words, cwd=self.tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  errors="replace", stdin=subprocess.DEVNULL, timeout=ANSWER_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return [lab_verdict.of(test, "answers", "error", "the checker of the questions did not end") for test in tests]
        said = {}
        for raw in done.stdout.splitlines():
            if raw.startswith("@grade "):
                line = json.loads(raw[7:])
                said[line["test"]] = line
        wrong = done.stdout.strip().splitlines()[-1:] if done.returncode else []
        return [lab_verdict.from_line(test, "answers", said[test.name]) if test.name in said else
                lab_verdict.of(test, "answers", "error", f"the checker says nothing of it {''.join(wrong)}".rstrip())
                for test in tests]

    def grade(self, submission):
        """The verdicts on a folder or an archive."""
        found, wrong = lab_tree.submitted(self.lab, submission)
        if wrong:
            return [lab_verdict.of(test, test.part, "failure", wrong) for test in self.lab.tests]
        answers = os.path.abspath(submission) if self.lab.data.get("answers") else None
        return self.parts(lab_tree.overlay(self.clean, found), answers=answers)


def grade(name, submission, json_path="", junit_path="", seed=None, scratch=None):
    """`make grade`: prints the report; 1 if the grader itself failed."""
    start = time.monotonic()
    grader = Grader(name, scratch=scratch, seed=seed)
    verdicts = grader.grade(submission or ".")
    seconds = time.monotonic() - start
    print(lab_verdict.for_people(grader.lab, verdicts))
    for path, form in ((json_path, lab_verdict.as_json), (junit_path, lab_verdict.as_junit)):
        if path:
            try:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(form(grader.lab, verdicts, seconds))
            except OSError as error:
                raise Mistake(f"{path} cannot be written: {error.strerror}.") from error
    return 1 if any(verdict.outcome == "error" for verdict in verdicts) else 0
