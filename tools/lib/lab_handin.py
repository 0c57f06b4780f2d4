"""Handing in: an archive of the lab's files as they are committed, if the tree builds. And the lab in a debugger."""
import gzip
import io
import os
import re
import subprocess
import sys
import tarfile

from lib import columns, guests, lab_boot, lab_catalog, lab_grade, lab_handout, lab_host, lab_tree
from lib.usage import Mistake, choose

FOLDER = "build/handin"
DATE = 946684800  # of every member: the same files make the same archive


def check_committed(top="."):
    """A sentence if something is not committed yet."""
    text = lab_handout.run(["git", "status", "--porcelain"], top)
    if text:
        first = text.splitlines()[0][3:]
        more = len(text.splitlines()) - 1
        raise Mistake(f"{first}{f' and {more} more files have' if more else ' has'} changes that are not committed: "
                      "`git add` and `git commit` them, or take them back.")


def check_builds(lab, top="."):
    """A sentence if the files do not build as the grader will build them."""
    grader = lab_grade.Grader(lab.name, top)
    found, wrong = lab_tree.submitted(lab, top)
    if wrong:
        raise Mistake(f"{wrong[0].upper()}{wrong[1:]}.")
    try:
        grader.prepare()
        lab_tree.sync(grader.tree, lab_tree.overlay(grader.clean, found))
        if lab.data.get("host"):
            grader.builder.refresh()
            lab_host.build(lab, grader.builder, grader.originals)
        modes = lab.data.get("modes") or ["ept"]
        lab_boot.build(grader.tree, [f"build/{mode}/debug/trivisor.elf" for mode in modes if mode != "native"])
    except lab_host.Refused as error:
        raise Mistake(f"It does not build, and is not handed in:\n{error}") from error


def archive(lab, student, top="."):
    """Writes the archive; returns its path."""
    path = os.path.join(FOLDER, lab.name, f"{student}.tar.gz")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    commit = lab_handout.run(["git", "rev-parse", "HEAD"], top)
    with open(path, "wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=DATE) as packed, \
            tarfile.open(fileobj=packed, mode="w") as tar:
        for name in ["COMMIT", *lab.files]:
            content = commit.encode() if name == "COMMIT" else open(os.path.join(top, name), "rb").read()
            info = tarfile.TarInfo(f"lab-{lab.name}/{name}")
            info.size, info.mtime = len(content), DATE
            tar.addfile(info, io.BytesIO(content))
    return path


def handin(name, student):
    """`make handin`."""
    lab = lab_catalog.load(name)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", student or ""):
        raise Mistake(f"STUDENT={student} cannot be a file's name: letters, digits, dots, dashes.")
    check_committed()
    check_builds(lab)
    path = archive(lab, student)
    print(f"{path} is what you hand in: {', '.join(lab.files)} as committed.")
    return 0


def own_guests(lab):
    """What could be booted for a lab that is not graded by boots: its own guest, in each of its modes."""
    path = f"{lab.folder}/guest"
    return [{"guest": path, "mode": mode} for mode in sorted(lab.data["modes"], key=lambda mode: mode != "ept")
            if os.path.exists(f"{path}/main.c")]


def build_for(boot):
    """The hypervisor and the guest that a boot needs."""
    column = columns.ALL[boot["mode"]]
    kernel = [column.kernel("debug")] if column.under == "trivisor" else []
    try:
        lab_boot.build(".", [*kernel, guests.load(boot["guest"].removeprefix("guests/")).elf])
    except lab_host.Refused as error:
        raise Mistake(f"It does not build:\n{error}") from error


def debug(name, mode, test, emulator):
    """`make debug LAB=`: the lab's guest in the debugger, or a test of the host part in gdb."""
    lab = lab_catalog.load(name)
    boots = lab.data.get("boot") or own_guests(lab)
    if boots and not test:
        modes = list(dict.fromkeys(boot["mode"] for boot in boots))
        if mode:
            choose("MODE", mode, modes)
        boot = next(boot for boot in boots if not mode or boot["mode"] == mode)
        build_for(boot)
        words = [sys.executable, "-B", "tools/debug.py", "--mode", boot["mode"], "--guest", boot["guest"].removeprefix("guests/"),
                 "--emu", emulator or "bochs", "--args", boot.get("args", "")]
        return subprocess.run(words, check=False).returncode
    tests = [one.name for one in lab.tests if one.part == "host"]
    if not tests:
        raise Mistake(f"The lab {name} has no guest of its own: `make debug MODE= GUEST=` opens any guest.")
    if not test:
        raise Mistake(f"Say which test: TEST=NAME, one of {', '.join(tests)}.")
    choose("TEST", test, tests)
    return debug_host(lab, test)


def debug_host(lab, test):
    """gdb on the grader's program with the student's files in it."""
    grader = lab_grade.Grader(lab.name)
    found, wrong = lab_tree.submitted(lab, ".")
    if wrong:
        raise Mistake(wrong)
    grader.prepare()
    lab_tree.sync(grader.tree, lab_tree.overlay(grader.clean, found))
    grader.builder.refresh()
    try:
        program = lab_host.build(lab, grader.builder, grader.originals)
    except (lab_host.Refused, lab_host.Broken) as error:
        raise Mistake(f"It does not build:\n{error}") from error
    keys = os.path.join(grader.tree, "build/keys")
    os.makedirs(os.path.dirname(keys), exist_ok=True)
    with open(keys, "w", encoding="ascii") as file:
        file.write("0 0 1\n")
    first = next(one for one in lab.tests if one.name == test)
    print(f"The test {test} ({first.exercise}). `run` starts it, and it stops where the first check fails, or a hole is reached; "
          "`up` leads to the case, `break FUNCTION` before `run` to your code.", flush=True)
    words = ["gdb", "-q", "-ex", f"directory {grader.tree}", "-ex", f"set args {test} <{keys}", "-ex", "set confirm off",
             "-ex", "break failed", "-ex", "break lab_missing", program]
    environment = {**os.environ, "GRADE_VECTORS": grader.vectors, "ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.run(words, env=environment, check=False).returncode
