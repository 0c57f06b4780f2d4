"""What a handout states of each exercise: its points, the score after it, and what the grader says before it. The
numbers must be the sum of the lab's tests; the sentences are looked for when the labs are checked (lib/lab_matrix.py)."""
import re
from dataclasses import dataclass, field

from lib.usage import Mistake


@dataclass
class Stated:
    """One exercise's."""
    points: int
    score: int = None  # after it, with all before it done
    full: int = None
    before: list = field(default_factory=list)  # sentences of the grader's report


def read(text):
    """{exercise: Stated} of a handout's sections `### walk.3: reserved bits (10 points)`."""
    found = {}
    for section in re.split(r"^(?=##+ )", text, flags=re.M):
        head = re.match(r"### (\w+\.\d+): .*\((\d+) points?\)$", section.partition("\n")[0])
        if head:
            found[head.group(1)] = stated = Stated(int(head.group(2)))
            before, _, after = section.partition("**After:**")
            score = re.search(r"`Score: (\d+)/(\d+)`", after)
            if score:
                stated.score, stated.full = int(score.group(1)), int(score.group(2))
            missing = re.findall(r"exercise (\w+\.\d+) is not written yet", before) + re.findall(r'"missing":"(\w+\.\d+)"', before)
            stated.before = [f"exercise {name} is not written yet" for name in dict.fromkeys(missing)]
    return found


def check(lab, text):
    """{exercise: Stated}; raises Mistake if the sums are others."""
    path, found, sums = f"{lab.folder}/README.md", read(text), lab.floor
    full = sum(test.points for test in lab.tests)
    for exercise in lab.exercises:
        earned = sum(test.points for test in lab.tests if test.exercise == exercise.id)
        sums += earned
        stated = found.get(exercise.id)
        if stated and stated.points != earned:
            raise Mistake(f"{path}: {exercise.id} has {earned} points, not {stated.points}.")
        if stated and stated.score is not None and (stated.score, stated.full) != (sums, full):
            raise Mistake(f"{path}: the score after {exercise.id} is {sums}/{full}, not {stated.score}/{stated.full}.")
    return found
