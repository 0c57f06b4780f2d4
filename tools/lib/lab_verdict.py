"""What a test came to, and the reports on all of them: for people, as JSON, as JUnit's XML."""
import json
from dataclasses import asdict, dataclass
from xml.sax.saxutils import escape, quoteattr

OUTCOMES = {"success": "ok", "skip": "skipped", "error": "ERROR", "failure": "FAILED", "crash": "CRASHED",
            "budget": "TOO LONG"}


@dataclass
class Verdict:
    """One test's outcome."""
    test: str
    exercise: str
    part: str  # "host", "boot ept", "answers"
    points: int
    outcome: str  # of OUTCOMES; `error` is the grader's own fault
    message: str = ""  # a sentence
    expected: str = ""
    got: str = ""
    where: str = ""  # where to look
    case: str = ""  # what was tried

    @property
    def earned(self):
        """Its points, or none."""
        return self.points if self.outcome == "success" else 0


def printable(text, most=2000):
    """Text without control characters: what a student's file says must not command a terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in text[:most])


def of(test, part, outcome, message="", **more):
    """The verdict on a lab_catalog.Test."""
    more = {key: printable(value) for key, value in more.items()}
    return Verdict(test.name, test.exercise, part, test.points, outcome, printable(message), **more)


def from_line(test, part, line):
    """The verdict that a sealed line gives."""
    if "missing" in line:
        return of(test, part, "failure", f"exercise {line['missing']} is not written yet")
    if line.get("skip"):
        return of(test, part, "skip", line["skip"])
    if line["ok"]:
        return of(test, part, "success")
    return of(test, part, "failure", line.get("what", "a check failed"), expected=str(line.get("expected", "")),
              got=str(line.get("got", "")), where=line.get("where", ""), case=line.get("case", ""))


def score(verdicts):
    """(earned, of how many)."""
    return sum(v.earned for v in verdicts), sum(v.points for v in verdicts)


def _lines(verdict):
    yield f"  {OUTCOMES[verdict.outcome]:9}{verdict.test:32} {verdict.earned}/{verdict.points}"
    if verdict.outcome == "success":
        return
    tail = f": expected {verdict.expected}, got {verdict.got}" if verdict.expected or verdict.got else ""
    if verdict.case:
        yield f"           {verdict.case}"
    for line in (verdict.message + tail).splitlines():
        yield f"           {line}"
    if verdict.where:
        yield f"           look at {verdict.where}"


def for_people(lab, verdicts):
    """The report on the terminal."""
    out = [f"{lab.data['title']} (lab {lab.name})"]
    titles = {exercise.id: exercise.title for exercise in lab.exercises}
    last = None
    for verdict in verdicts:
        heading = f"{verdict.exercise or 'questions'} {titles.get(verdict.exercise, '')}".rstrip()
        heading += "" if verdict.part == "host" else f" ({verdict.part})"
        if heading != last:
            out.append(heading)
            last = heading
        out += _lines(verdict)
    whole = {verdict.message for verdict in verdicts}
    if len(whole) == 1 and len(verdicts) > 1 and verdicts[0].outcome != "success":  # said once
        out = [out[0], f"{OUTCOMES[verdicts[0].outcome]}: {verdicts[0].message}"]
    out.append("Score: {}/{}".format(*score(verdicts)))
    return "\n".join(out)


def as_json(lab, verdicts, seconds):
    """For a course's own machinery."""
    earned, points = score(verdicts)
    tests = [{**asdict(verdict), "earned": verdict.earned} for verdict in verdicts]
    return json.dumps({"lab": lab.name, "score": earned, "points": points, "seconds": round(seconds, 1),
                       "tests": tests}, indent=1) + "\n"


def as_junit(lab, verdicts, seconds):
    """As continuous-integration servers read it."""
    kinds = {"failure": "failure", "crash": "failure", "budget": "failure", "error": "error", "skip": "skipped"}
    wrong = [verdict for verdict in verdicts if kinds.get(verdict.outcome) == "failure"]
    broken = [verdict for verdict in verdicts if verdict.outcome == "error"]
    skipped = [verdict for verdict in verdicts if verdict.outcome == "skip"]
    out = ['<?xml version="1.0" encoding="UTF-8"?>',
           f'<testsuite name={quoteattr(lab.name)} tests="{len(verdicts)}" failures="{len(wrong)}" '
           f'errors="{len(broken)}" skipped="{len(skipped)}" time="{seconds:.1f}">']
    for verdict in verdicts:
        out.append(f"  <testcase classname={quoteattr(f'{lab.name}.{verdict.part}')} name={quoteattr(verdict.test)}>")
        if verdict.outcome in kinds:
            text = "\n".join(_lines(verdict))
            out.append(f"    <{kinds[verdict.outcome]} message={quoteattr(verdict.message)}>{escape(text)}"
                       f"</{kinds[verdict.outcome]}>")
        out.append("  </testcase>")
    return "\n".join(out + ["</testsuite>", ""])
