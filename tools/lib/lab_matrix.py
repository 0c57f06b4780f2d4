"""The graders are graded: for each lab the reference, the untouched handout, each hole filled with what it needs and
alone, what the handout states before each exercise, and a library of wrong solutions (labs/NAME/wrong) must score what they should.

    mistake: the dirty flag is set at every level
    hole: walk.6            (part: 2 if it is not the first part)
    loses: 3
    says: an entry in memory
    ---
    the body that stands in the hole

The right answers to a lab's questions are labs/NAME/wrong/answers.txt, or what labs/NAME/wrong/solve.py prints.

`boot: yes` if only a boot can catch it; then the boot parts are run, too, and count in what it loses; `boot: 1`: only the first. `patch: yes` if the mistake
lies outside of every hole; then a unified diff of the reference follows."""
import concurrent.futures
import os
import queue
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

from lib import lab_catalog, lab_grade, lab_handout, lab_regions, lab_stated, lab_tree, lab_verdict
from lib.usage import Mistake

SEED = 1  # of the vectors: the matrix is the same every time
LEAST_WRONG = 6  # wrong solutions of a lab that has holes
HEAD = {"mistake", "hole", "part", "loses", "says", "boot", "patch"}


@dataclass
class Wrong:
    """One wrong solution."""
    name: str
    head: dict
    body: str

    def boots(self, every):
        """The boots that are made of it, of these, if only a boot can catch it."""
        word = self.head.get("boot", "no")
        return every if word == "yes" else [every[int(word) - 1]] if word.isdecimal() else []


@dataclass
class Variant:
    """One submission of the matrix, and what is to be said of its grade."""
    what: str
    files: dict  # {path: text}
    judge: object  # (score, report) -> "" or what is wrong
    boots: list = field(default_factory=list)  # numbers of the boot parts to be run
    answers: str = ""  # "right" or "empty": it is the questions that are judged, and nothing else


def read_wrong(lab):
    """labs/NAME/wrong/*.wrong."""
    folder = os.path.join(lab.top, lab.folder, "wrong")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    found = []
    for name in names:
        if not name.endswith(".wrong"):
            continue
        path = f"{lab.folder}/wrong/{name}"
        head_text, line, body = lab_regions.read(lab.top, path).partition("---\n")
        head = dict(re.findall(r"^(\w+): *(.*?) *$", head_text, re.M))
        missing = {"mistake", "loses", "says"} - set(head)
        if not line or missing or set(head) - HEAD or ("hole" in head) == (head.get("patch") == "yes"):
            raise Mistake(f"{path}: needs mistake, loses, says, and either hole or `patch: yes`, then `---` and the body.")
        if "hole" in head and head["hole"] not in [exercise.id for exercise in lab.exercises]:
            raise Mistake(f"{path}: {head['hole']} is no exercise of {lab.name}.")
        found.append(Wrong(name[:-6], head, body))
    return found


class Matrix:
    """All variants of one lab."""

    def __init__(self, name, top="."):
        self.lab, self.top = lab_catalog.load(name, top), top
        scanned = lab_regions.scan(top)
        self.parts = lab_regions.counts(scanned)
        self.regions = {path: regions for path, regions in scanned.items()
                        if any(region.lab == name for region in regions)}
        self.holes = {region.id for regions in self.regions.values() for region in regions if region.lab == name}
        self.texts = {path: lab_regions.read(top, path) for path in self.lab.data.get("files", [])}
        self.stated = lab_stated.check(self.lab, lab_regions.read(top, f"{self.lab.folder}/README.md"))
        self._check()

    def _check(self):
        """The lab's description and its regions belong together."""
        ids = [exercise.id for exercise in self.lab.exercises]
        for path, regions in self.regions.items():
            for region in regions:
                if region.lab == self.lab.name and path not in self.texts:
                    raise Mistake(f"{path}:{region.line}: {region.id} is in a file that {self.lab.name} does not list.")
                if region.lab == self.lab.name and region.id not in ids:
                    raise Mistake(f"{path}:{region.line}: {region.id} is no exercise of {self.lab.name}.")
        if self.holes and len(read_wrong(self.lab)) < LEAST_WRONG:
            raise Mistake(f"{self.lab.folder}/wrong has {len(read_wrong(self.lab))} wrong solutions; {LEAST_WRONG} are the least.")

    def filled(self, solved, instead=None):
        """{path: text} with these holes solved and the others open; instead: (id, part, text) for one of them."""
        def action(region):
            if instead and (region.id, region.part) == instead[:2]:
                return instead[2]
            return "solve" if region.id in solved or region.lab != self.lab.name else "cut"
        return {path: lab_regions.rewrite(text, self.regions.get(path, []), action, self.parts)
                for path, text in self.texts.items()}

    def in_order(self, boots):
        """As the handout has it: what the report says before each exercise, with all earlier ones done."""
        done = []
        for exercise in self.lab.exercises:
            before = self.stated[exercise.id].before if exercise.id in self.stated else []
            if exercise.id in self.holes and before:
                score = self.lab.floor + self.points(done)
                yield Variant(f"all before {exercise.id}", self.filled(set(done)), exactly(score, *before), boots)
            done.append(exercise.id)

    def points(self, exercises=None, boots=None):
        """The points of the tests that are run, of these exercises; a test of none needs them all."""
        if exercises is not None and {one.id for one in self.lab.exercises} <= set(exercises):
            exercises = None
        return sum(test.points for test in self.lab.tests if test.part != "answers"
                   and (test.part == "host" or boots is None or test.run in boots)
                   and (exercises is None or test.exercise in exercises))

    def variants(self, whole):
        """All of them; whole: with every boot, else with one boot of the reference and those that a mistake needs."""
        every = list(range(len(self.lab.data.get("boot", []))))
        some = every if whole else []
        full = self.points(boots=every if whole else every[:1])
        yield Variant("the reference", self.filled(self.holes), exactly(full), every if whole else every[:1])
        if self.holes:
            yield Variant("the untouched handout", self.filled(set()), exactly(self.lab.floor), some)
        for exercise in self.lab.exercises:
            if exercise.id not in self.holes:
                continue
            needed = lab_catalog.needed(self.lab, exercise.id)
            more = [one for one in needed if one != exercise.id]
            score = self.lab.floor + self.points(needed, some)
            yield Variant(f"{exercise.id} with {', '.join(more) or 'nothing'}", self.filled(set(needed)), exactly(score), some)
            if more:
                yield Variant(f"{exercise.id} alone", self.filled({exercise.id}), at_least(self.lab.floor), some)
        yield from self.in_order(every) if whole else ()
        for wrong in read_wrong(self.lab):
            boots = wrong.boots(every)
            score = self.points(boots=boots) - int(wrong.head["loses"])
            yield Variant(f"wrong: {wrong.name}", self.spoiled(wrong), exactly(score, wrong.head["says"]), boots)

        if self.lab.data.get("answers"):
            score = sum(test.points for test in self.lab.tests if test.part == "answers")
            yield Variant("the right answers", {}, exactly(score), answers="right")
            yield Variant("no answers", {}, exactly(0), answers="empty")

    def spoiled(self, wrong):
        """The files with a mistake in them."""
        if not wrong.head.get("patch"):
            return self.filled(self.holes, (wrong.head["hole"], int(wrong.head.get("part", 1)), wrong.body))
        with tempfile.TemporaryDirectory() as folder:
            for path, text in self.texts.items():
                os.makedirs(os.path.join(folder, os.path.dirname(path)), exist_ok=True)
                lab_regions.write(folder, path, text)
            done = subprocess.run(["git", "apply", "-p1", "-"], cwd=folder, input=wrong.body, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                                  env={**os.environ, "GIT_CEILING_DIRECTORIES": os.path.dirname(folder)})
            if done.returncode:
                raise Mistake(f"{self.lab.folder}/wrong/{wrong.name}.wrong: {done.stdout.strip()}")
            return {path: lab_regions.read(folder, path) for path in self.texts}


def exactly(points, *says):
    """The score is this, and the report says those."""
    def judge(score, report):
        if score != points:
            return f"scores {score}, not {points}"
        return next((f"the report does not say `{words}`" for words in says if words not in report), "")
    return judge


def at_least(points):
    """The score is no lower."""
    return lambda score, report: "" if score >= points else f"scores {score}, less than {points}"


def right_answers(grader):
    """The answers that earn all points."""
    folder = os.path.join(grader.tree, grader.lab.folder, "wrong")
    lab_tree.sync(grader.tree, grader.clean)
    if os.path.exists(os.path.join(folder, "solve.py")):
        return lab_handout.run([sys.executable, "-B", os.path.join(folder, "solve.py")], grader.tree).encode()
    try:
        with open(os.path.join(folder, "answers.txt"), "rb") as file:
            return file.read()
    except FileNotFoundError as error:
        raise Mistake(f"{grader.lab.folder}/wrong has neither answers.txt nor solve.py: the right answers.") from error


def build_handout(name):
    """"" if everything in the lab's handout builds, without a warning; or what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            lab_handout.make(name, folder)
            said = lab_handout.run(["make", "-s", "--no-print-directory", f"-j{os.cpu_count()}", "hypervisors", "guests",
                                    "lab-guests"], folder)
            lab_handout.run(["make", "-s", "handin", f"LAB={name}", "STUDENT=nobody"], folder)
        except (Mistake, RuntimeError) as error:
            return str(error)
    return "".join(line for line in said.splitlines(True) if not line.startswith("built "))


def check(names, jobs, whole=False):
    """Yields (lab, variant, "" or what is wrong, report) as they are found; several at a time."""
    todo = [(name, variant) for name in names for variant in Matrix(name).variants(whole)]
    # Boots first: they take the longest. Those that are alike follow each other in one tree.
    todo.sort(key=lambda item: not item[1].boots)
    workers, graders, clean = queue.Queue(), {}, lab_tree.clean()
    for number in range(jobs):
        workers.put(number)

    def one(item):
        name, variant = item
        number = workers.get()
        try:
            if (name, number) not in graders:
                graders[name, number] = lab_grade.Grader(name, scratch=f"{lab_tree.SCRATCH}/worker{number}", seed=SEED,
                                                          clean=clean)
            grader = graders[name, number]
            files = {path: text.encode() for path, text in variant.files.items()}
            if variant.answers == "right":
                files[f"{grader.lab.folder}/{grader.lab.data['answers']['file']}"] = right_answers(grader)
            files = lab_tree.overlay(grader.clean, files)
            if variant.answers:
                verdicts = grader.parts(files, host=False, boots=[], answers=grader.tree)
            else:
                verdicts = grader.parts(files, boots=variant.boots)
            report = lab_verdict.for_people(grader.lab, verdicts)
            return name, variant, variant.judge(lab_verdict.score(verdicts)[0], report), report
        except (Mistake, RuntimeError, OSError, subprocess.SubprocessError) as error:
            return name, variant, f"the grader failed: {error}", ""
        finally:
            workers.put(number)
    for name in names if whole else []:
        yield name, Variant("the handout builds, and can be handed in", {}, None), build_handout(name), ""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for future in concurrent.futures.as_completed([pool.submit(one, item) for item in todo]):
            yield future.result()
