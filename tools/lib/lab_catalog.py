"""The labs: labs/order and labs/NAME/lab.json, read and checked."""
import json
import os
from dataclasses import dataclass, field

from lib import guests
from lib.usage import Mistake

ORDER = "labs/order"
PARTS = ("host", "boot", "answers")
KEYS = {"title", "hours", "modes", "files", "floor", "exercises", "leave_out", "keep", "assembly", "weak", *PARTS}


@dataclass
class Test:
    """What earns points."""
    name: str
    exercise: str  # walk.1, or "" for a question
    points: int
    part: str  # host, boot, answers
    run: int = 0  # which of the boots
    clean: bool = False  # of an attack: not whether it comes by the secret, but how it leaves the machine


@dataclass
class Exercise:
    """A hole, or an exercise without one."""
    id: str
    title: str
    needs: list


class LabGuest(guests.Guest):
    """A guest of a lab's own: labs/NAME/guest is called NAME-guest."""

    @property
    def elf(self):
        """Where labs/labs.mk leaves it."""
        return f"build/labs/{self.name.replace('-', '/', 1)}.elf"


@dataclass
class Lab:
    """One lab."""
    name: str
    top: str  # the tree that it was read from
    data: dict  # lab.json
    exercises: list = field(default_factory=list)
    tests: list = field(default_factory=list)

    @property
    def folder(self):
        """Relative to the tree's top."""
        return f"labs/{self.name}"

    @property
    def files(self):
        """What the student hands in: sources, and the answers."""
        answers = self.data.get("answers")
        return self.data.get("files", []) + ([f"{self.folder}/{answers['file']}"] if answers else [])

    def sound(self, path):
        """Where a handout has the assembly of a file that is weak in it (lab_attack)."""
        return f"{self.folder}/reference/{os.path.basename(path)[:-2]}.S"

    @property
    def points(self):
        """The full score."""
        return sum(test.points for test in self.tests)

    @property
    def floor(self):
        """What the untouched handout scores."""
        return self.data.get("floor", 0)

    def of_exercise(self, name):
        """Its tests."""
        return [test for test in self.tests if test.exercise == name]


def entries(top="."):
    """(name, its word about the modes) of all labs, in order, whether they are there or not."""
    try:
        with open(os.path.join(top, ORDER), encoding="utf-8") as file:
            lines = [line.split("#")[0].split(None, 1) for line in file]
    except FileNotFoundError as error:
        raise Mistake(f"{ORDER} is missing: this is not a tree with labs.") from error
    return [(words[0], words[1].strip() if len(words) > 1 else "") for words in lines if words]


def names(top="."):
    """The labs that this tree has."""
    return [name for name, _ in entries(top) if os.path.exists(os.path.join(top, "labs", name, "lab.json"))]


def check_name(name, top="."):
    """name, if this tree has such a lab."""
    if not name:
        raise Mistake(f"Say which lab: LAB=NAME, one of {', '.join(names(top))}.")
    if name not in names(top):
        known = [entry for entry, _ in entries(top)]
        if name in known:
            raise Mistake(f"LAB={name} is not in this tree, which has {', '.join(names(top))}.")
        raise Mistake(f"LAB={name} is unknown: choose from {', '.join(names(top))}.")
    return name


def _tests(lab):
    for part in ("host", "answers"):
        for item in lab.data.get(part, {}).get("tests", []):
            yield Test(item["name"], item.get("exercise", ""), item["points"], part)
    for number, boot in enumerate(lab.data.get("boot", [])):
        for item in boot["tests"]:
            yield Test(item["name"], item.get("exercise", ""), item["points"], "boot", number, item.get("clean", False))


def load(name, top="."):
    """Reads a lab."""
    check_name(name, top)
    path = f"labs/{name}/lab.json"
    try:
        with open(os.path.join(top, path), encoding="utf-8") as file:
            data = json.load(file)
        lab = Lab(name, top, data)
        lab.exercises = [Exercise(item["id"], item["title"], item.get("needs", []))
                         for item in data.get("exercises", [])]
        lab.tests = list(_tests(lab))
    except (ValueError, KeyError, TypeError) as error:
        raise Mistake(f"{path} cannot be read: {error!r}.") from error
    _check(lab, path)
    return lab


def _check(lab, path):
    """What would only be found when grading."""
    def wrong(what):
        raise Mistake(f"{path}: {what}.")
    ids = [exercise.id for exercise in lab.exercises]
    if set(lab.data) - KEYS:
        wrong(f"unknown key {sorted(set(lab.data) - KEYS)[0]}")
    if not lab.tests:
        wrong("no test has points")
    if len(set(ids)) != len(ids):
        wrong("an exercise is there twice")
    for exercise in lab.exercises:
        for need in exercise.needs:
            if need not in ids:
                wrong(f"{exercise.id} needs {need}, which is no exercise")
    seen = set()
    for test in lab.tests:
        if test.exercise and test.exercise not in ids:
            wrong(f"the test {test.name} is for {test.exercise}, which is no exercise")
        if (test.part, test.run, test.name) in seen:
            wrong(f"the test {test.name} is there twice")
        seen.add((test.part, test.run, test.name))


def _seed(top, path):
    """The argument `seed=` of a lab whose guest does other things for each student: labs/NAME/seed, a number."""
    try:
        with open(os.path.join(top, os.path.dirname(path), "seed"), encoding="ascii", errors="replace") as file:
            words = [line.split("#")[0].strip() for line in file.read(1000).splitlines()]
    except FileNotFoundError:
        return ""
    numbers = [word for word in words if word.isdecimal() and len(word) <= 18]
    return f"seed={numbers[0]}" if numbers else "seed=0"


def lab_guest(top, boot):
    """The guest of a boot part: one of guests/, or a lab's own, which lies in the lab's folder."""
    path = boot["guest"]
    if path.startswith("guests/"):
        found = guests.load(path.split("/")[1])
        return guests.Guest(**{**found.__dict__, "budget": boot.get("budget", found.budget)})
    values = dict(guests.KEYS)
    try:
        with open(os.path.join(top, path, "guest.cfg"), encoding="ascii") as file:
            pairs = [line.split("#")[0].strip().partition("=") for line in file]
        values.update({key: value.strip('"') for key, _, value in pairs if key})
    except FileNotFoundError:
        pass
    budget = int(boot.get("budget", values["BUDGET"]))
    arguments = f"{values['ARGS']} {_seed(top, path)}".strip()
    return LabGuest("-".join(path.split("/")[1:3]), values["MEM"], budget, values["CONFIG"], arguments,
                    values["BESIDE"], False, True)


def needed(lab, name):
    """An exercise with all that it needs, directly and indirectly, in the lab's order."""
    wanted, todo = set(), [name]
    while todo:
        one = todo.pop()
        if one not in wanted:
            wanted.add(one)
            todo += next(exercise.needs for exercise in lab.exercises if exercise.id == one)
    return [exercise.id for exercise in lab.exercises if exercise.id in wanted]
