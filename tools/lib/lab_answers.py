"""What the checkers of the labs' questions share: the answers file, the grader's own boots, the lines for the grader.

A checker is run in the grader's tree as `CHECKER ANSWERS SUBMISSION` and prints a line `@grade {...}` a test.

What a run cannot tell, the right answers to fixed questions, is in labs/NAME/wrong/right.json, which no student's tree has:
{question: {"right": [what is right, in any of its forms], "think": what to think of again}}. There such an answer is skipped."""
import json
import os
import re
import subprocess
import sys

from lib import bochs, columns, guests, image
from lib.boot import Boot

MOST_BYTES = 1 << 16  # of an answers file
WALL_SECONDS = 140  # the last net only, on a machine that has much to do: a guest has its budget in ticks
LATER = "answered; your teacher's grader says whether it is right"


def read(path):
    """{key: answer} of an answers file: lines `key: answer`; what follows a # is for people."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(MOST_BYTES)
    except OSError:
        return {}
    pairs = [line.split("#")[0].partition(":") for line in text.splitlines()]
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def number(text):
    """A number, decimal or hexadecimal, or None."""
    match = re.fullmatch(r"(0x[0-9a-fA-F]{1,16}|[0-9]{1,20})", text.replace("_", "").replace(",", "").strip().rstrip("."))
    return None if not match else int(match.group(), 0) if match.group().startswith("0x") else int(match.group())


def plain(text):
    """An answer as it is compared: numbers in any form, names in any case."""
    value = number(text)
    return str(value) if value is not None else re.sub(r"[^a-z0-9_]", "", text.lower())


def fixed(lab):
    """{question: its entry of right.json}; None in a student's tree."""
    try:
        with open(os.path.join("labs", lab, "wrong", "right.json"), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def wrong_fixed(right, keys, answers):
    """The answers to these fixed questions that are not right, as `say` wants them."""
    found = []
    for key in keys:
        got = answers.get(key, "")
        if not got or right and plain(got) not in [plain(form) for form in right[key]["right"]]:
            found.append((key, got, right[key]["think"] if right else ""))
    return found


def say_fixed(lab, tests, answers):
    """The verdicts on tests that are nothing but fixed questions: {test: its questions}."""
    right = fixed(lab)
    for test, keys in tests.items():
        wrong = wrong_fixed(right, keys, answers)
        if right is None and not wrong:
            skip(test, LATER)
        else:
            say(test, wrong, f"labs/{lab}/README.md, Questions")


def skip(test, why):
    """The verdict on a test that this tree cannot judge."""
    print("@grade " + json.dumps({"test": test, "ok": False, "n": 0, "skip": why}), flush=True)


def say(test, wrong, where=""):
    """The verdict on a test; wrong: (question, what was answered, why it is not right) of each wrong answer."""
    line = {"test": test, "ok": not wrong, "n": 0}
    if wrong:
        key, got, why = wrong[0]
        more = f" (and {len(wrong) - 1} more: {', '.join(item[0] for item in wrong[1:])})" if wrong[1:] else ""
        text = f"{key}: {got[:40]}: {why}" if got else f"{key}: there is no answer"
        line.update(what=re.sub(r'[^ -~]', "?", text + more), where=where)
    print("@grade " + json.dumps(line), flush=True)


def build(*targets):
    """Makes what a boot needs; its output only if it fails."""
    done = subprocess.run(["make", "-s", "--no-print-directory", f"-j{os.cpu_count()}", *targets], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace", check=False)
    if done.returncode:
        sys.exit(f"the grader's own run does not build: {done.stdout.strip().splitlines()[-1:]}")


def prepare(mode, guest, args="", kind="debug", tag="answers"):
    """The Boot of a guest (guests/ or labs/LAB/GUEST), its image written."""
    column = columns.ALL[mode]
    boot = Boot(column, guests.load(guest), kind, args=args, tag=tag)
    build(*([column.kernel(kind)] if column.under == "trivisor" else []), boot.guest.elf)
    os.makedirs(boot.folder, exist_ok=True)
    return boot, image.for_boot(boot)


def run(mode, guest, args="", kind="debug"):
    """The console of the grader's own run."""
    boot, there = prepare(mode, guest, args, kind)
    outcome = bochs.run(boot, there, wall_seconds=WALL_SECONDS)
    if outcome.why or not outcome.log:
        sys.exit(f"the grader's own run did not come to its end: {outcome.why}")
    return outcome.log
