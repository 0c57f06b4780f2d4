"""A student's tree: the holes of one lab cut, earlier labs solved (or cut), later ones as assembly; a git
repository of its own with one commit. No later solution is left in C, in the history or beside."""
import os
import re
import shlex
import shutil
import subprocess

from lib import elf_text, lab_catalog, lab_regions
from lib.usage import Mistake

# What tells how it is done, or is of no use to a student.
LEFT_OUT = ("labs/INSTRUCTOR.md", "labs/*/wrong", "tests/*", "docs/tour.md", "tools/tour.py", "tools/fresh-check", ".ci",
            "labs/submissions")
# Although in a folder that is left out; of the tests' stubs, those that graders share.
KEPT = ("tests/tests.mk", "tests/bench", *(f"tests/unit/stub_{name}" for name in
                                           ("heap.c", "pages.c", "pv_copy.c", "pv_copy.h")))
MODE_OF_ASM = "pv"  # in which the assembly files with regions are linked
FOLDERS = ("src", "guests", "labs", "tests", "tools", "docs", "packages")
KIT = {"labs/kit/lab.h": "src/include/lab.h", "labs/kit/lab.inc": "src/include/lab.inc",
       "labs/kit/lab_missing.c": "src/core/lab_missing.c"}
COMMIT = {"GIT_AUTHOR_NAME": "Trivisor", "GIT_AUTHOR_EMAIL": "course@trivisor.invalid",
          "GIT_COMMITTER_NAME": "Trivisor", "GIT_COMMITTER_EMAIL": "course@trivisor.invalid",
          "GIT_AUTHOR_DATE": "2000-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2000-01-01T00:00:00Z"}


def forget_make():
    """The makes that the tools start are nobody's children: an outer make's -j and variables are not theirs."""
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
        os.environ.pop(name, None)


def files_of(top):
    """The files of a tree that belong to it: git's, and in its own folders also those not committed yet. (A teacher
    has other things there: submissions, marks.)"""
    paths = set()
    for words in (["-c"], ["-o", "--exclude-standard", "--", *FOLDERS]):
        done = subprocess.run(["git", "-C", top, "ls-files", "-z", *words], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise Mistake(f"{top} is no git repository: the labs are made from a clone.")
        paths |= set(done.stdout.decode().split("\0")) - {""}
    return sorted(path for path in paths if os.path.islink(os.path.join(top, path)) or
                  os.path.isfile(os.path.join(top, path)))


def _matches(path, pattern):
    return re.match(re.escape(pattern).replace(r"\*", "[^/]*") + "(/|$)", path)


def wanted(lab, path):
    """Whether a handout of this lab has the file."""
    parts = path.split("/")
    if any(_matches(path, pattern) for pattern in KEPT + tuple(lab.data.get("keep", []))):
        return True
    if any(_matches(path, pattern) for pattern in LEFT_OUT + tuple(lab.data.get("leave_out", []))):
        return False
    if parts[0] == "labs" and len(parts) > 2:  # other labs' graders tell about later exercises
        return parts[1] in (lab.name, "kit")
    return True


def copy(source, target, paths):
    """Copies files with their modes."""
    for path in paths:
        there = os.path.join(target, path)
        os.makedirs(os.path.dirname(there) or ".", exist_ok=True)
        shutil.copy2(os.path.join(source, path), there, follow_symlinks=False)


def install_kit(top):
    """What files with holes include and call."""
    for source, target in KIT.items():
        shutil.copyfile(os.path.join(top, source), os.path.join(top, target))


def run(words, top, **environment):
    """A command in a tree; its output, or RuntimeError with it."""
    done = subprocess.run(words, cwd=top, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, env={**os.environ, **environment}, check=False)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(words[:4])} ... failed:\n{done.stdout}")
    return done.stdout


def flags(top, build):
    """How the hypervisor's C files are compiled, as the tree's makefiles say."""
    text = run(["make", "-s", "--no-print-directory", f"lab-flags-{build}"], top)
    return shlex.split(text)


def dependents(top, headers):
    """The C files that include one of these headers, directly or not."""
    names = {os.path.basename(header) for header in headers}
    includes = {}
    for path in lab_regions.sources(top):
        text = lab_regions.read(top, path)
        includes[path] = {os.path.basename(name) for name in re.findall(r'^\s*#include "([^"]+)"', text, re.M)}
    grown = True
    while grown:
        more = {os.path.basename(path) for path, inner in includes.items() if path.endswith(".h") and inner & names}
        grown = not more <= names
        names |= more
    return [path for path, inner in includes.items() if path.endswith(".c") and inner & names]


def assembly(top, path):
    """The file as the compiler's assembly for both builds, in one file for the preprocessor."""
    text = ["/* It would tell how an exercise goes: compiled from C, for now. */\n#ifdef DEBUG_BUILD\n"]
    for build in ("debug", "release"):
        if path.endswith(".asm"):
            made = f"build/{MODE_OF_ASM}/{build}/{path}.o"
            run(["make", "-s", made], top)
            out = elf_text.listing(os.path.join(top, made))
        else:
            out = run(["gcc", *flags(top, build), "-g0", "-S", "-o", "-", path], top)
        lines = [line for line in out.splitlines() if not re.match(r"\s*(\.file|\.ident)\b|#", line)]
        text += ["\n".join(lines), "\n#else\n" if build == "debug" else "\n#endif\n"]
    return "".join(text)


def later_as_assembly(source, target, later):
    """Replaces the C files of later labs by assembly; their headers are cut."""
    paths = {path for path in later if path.endswith((".c", ".asm"))}
    paths |= set(dependents(source, [path for path in later if path.endswith(".h")]))
    for path in sorted(paths):
        if os.path.exists(os.path.join(target, path)):
            lab_regions.write(target, os.path.splitext(path)[0] + ".S", assembly(source, path))
            os.remove(os.path.join(target, path))


def transform(lab, source, target, earlier):
    """Cuts, solves and hides regions in the copied tree. Returns the ids that are holes now."""
    order = [name for name, _ in lab_catalog.entries(source)]
    found = lab_regions.scan(source)
    parts, later, holes = lab_regions.counts(found), [], set()
    for path, regions in found.items():
        for region in regions:
            if region.lab not in order:
                raise Mistake(f"{path}:{region.line}: {region.lab} is no lab of {lab_catalog.ORDER}.")
            if order.index(region.lab) > order.index(lab.name):
                later.append(path)

    def action(region):
        if region.lab == lab.name or (order.index(region.lab) < order.index(lab.name) and earlier == "holes"):
            holes.add(region.id)
            return "cut"
        return "cut" if region.path.endswith(".h") and order.index(region.lab) > order.index(lab.name) else "solve"
    mixed = [path for path in set(later) if any(region.lab == lab.name for region in found[path])]
    if mixed:
        raise Mistake(f"{mixed[0]} has exercises of {lab.name} and of a later lab: put them into files of their own.")
    for path, regions in found.items():
        if os.path.exists(os.path.join(target, path)):
            text = lab_regions.rewrite(lab_regions.read(source, path), regions, action, parts)
            lab_regions.write(target, path, text)
    for path in lab_regions.toured(target):
        text = lab_regions.read(target, path)
        if lab_regions.without_tour(text) != text:
            lab_regions.write(target, path, lab_regions.without_tour(text))
    later_as_assembly(source, target, later + lab.data.get("assembly", []))
    for path in lab.data.get("weak", []):  # the sound one, for the grader
        place = lab.sound(path)
        os.makedirs(os.path.dirname(os.path.join(target, place)), exist_ok=True)
        lab_regions.write(target, place, assembly(source, path))
    return holes


def check_holes(lab, holes):
    """Each hole is an exercise of lab.json, and each exercise that has tests in code a hole."""
    ids = {exercise.id for exercise in lab.exercises}
    strangers = sorted(hole for hole in holes if hole.startswith(lab.name + ".") and hole not in ids)
    if strangers:
        raise Mistake(f"The region {strangers[0]} is no exercise of {lab.folder}/lab.json.")


def prepare_folder(folder):
    """An empty folder, or a sentence why not."""
    if not folder:
        raise Mistake("Say where the handout goes: DIR=path of a folder that is empty or not there yet.")
    if os.path.exists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
        raise Mistake(f"DIR={folder} is not empty: a handout is made in a folder of its own.")
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise Mistake(f"DIR={folder} cannot be made: {error.strerror}.") from error


def commit(folder, lab):
    """The one commit."""
    run(["git", "init", "-q", "-b", "main"], folder)
    run(["git", "add", "-A"], folder)
    run(["git", "-c", "commit.gpgsign=false", "commit", "-q", "--no-verify", "-m",
         f"labs: the lab {lab.name}, as handed out"], folder, **COMMIT)


def make(name, folder, earlier="solved", source=".", with_git=True):
    """Makes the handout of a lab in a folder. Returns the ids of its holes."""
    lab = lab_catalog.load(name, source)
    if earlier not in ("solved", "holes"):
        raise Mistake(f"EARLIER={earlier} is unknown: choose from solved, holes.")
    prepare_folder(folder)
    try:
        copy(source, folder, [path for path in files_of(source) if wanted(lab, path)])
        holes = transform(lab, source, folder, earlier)
        check_holes(lab, holes)
        install_kit(folder)
        lab_regions.write(folder, "labs/handout", name + "\n")
        if lab.data.get("host", {}).get("vectors"):
            run(["make", "-s", f"build/labs/{name}/vectors"], source)
            shutil.copyfile(os.path.join(source, f"build/labs/{name}/vectors"), os.path.join(folder, lab.folder, "vectors"))
        if with_git:
            commit(folder, lab)
    except BaseException:
        for entry in os.listdir(folder):
            path = os.path.join(folder, entry)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.remove(path)
        raise
    return holes
