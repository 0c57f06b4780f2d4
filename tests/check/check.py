#!/usr/bin/env python3
"""`make check`: what can be found without running anything. Each part prints its findings; exit
status 1 if there is one."""
import concurrent.futures
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "mutants"))

from planted import MUTANTS  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "tools"))

import hypercalls as hypercalls_answered  # noqa: E402
import tour as tour_of_code  # noqa: E402
import unchanged  # noqa: E402

MOST_LINES = 500  # past this, look for the second concept
MOST_TEST_LINES = 700  # a test has long tables of cases
HEADER_FLAGS = ["-fsyntax-only", "-x", "c", "-Wno-unused-function", "-Wno-missing-prototypes"]


def files(*patterns):
    """The tracked files."""
    listing = subprocess.run(["git", "ls-files", *patterns], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [path for path in listing.splitlines() if os.path.exists(path)]


def run(words):
    """(good, output) of a command."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def layout():
    """clang-format has nothing to change."""
    good, output = run(["clang-format", "--dry-run", "-Werror", *files("*.c", "*.h")])
    return [] if good else sorted(set(re.findall(r"^([^:\n]+):\d+:\d+: error", output, re.M)))


def flags_of(commands, prefix):
    """How the first file below a folder is compiled."""
    words = next(entry["arguments"] for entry in commands if entry["file"].startswith(prefix))
    return words[:-2]


def header_cases():
    """(header, command): contracts both for the target and for the host."""
    with open("compile_commands.json", encoding="utf-8") as file:
        commands = json.load(file)
    target, guest, host = (flags_of(commands, prefix) for prefix in ("src/", "guests/kit/", "tests/unit/"))
    for path in files("*.h"):
        if path.startswith("src/include/libc/"):
            continue  # the C library's names, for the target alone
        beside = ["-iquote", os.path.dirname(path)]
        if path.startswith("src/"):
            yield path, [*target, *beside, *HEADER_FLAGS, path]
        if path.startswith("src/include/") or path.startswith("tests/"):
            yield path, [*host, *beside, *HEADER_FLAGS, path]
        if path.startswith("guests/") or path.startswith("src/include/public/"):
            yield path, [*guest, *beside, *HEADER_FLAGS, path]


def in_parallel(cases):
    """Findings of (name, command) cases."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(lambda case: (case[0], *run(case[1])), cases)
        return [f"{name}\n{output.rstrip()}" for name, good, output in done if not good]


def headers():
    """Every header compiles alone."""
    return in_parallel(header_cases())


def tidy():
    """clang-tidy."""
    with open("compile_commands.json", encoding="utf-8") as file:
        compiled = {entry["file"]: entry["arguments"][:-2] + [entry["file"]] for entry in json.load(file)}
    rules = b"".join(run(words)[1].encode() for words in (["clang-tidy", "--version"], ["clang-tidy", "--dump-config"]))
    seen = {}

    def one(path):
        stamp = unchanged.stamp(path, compiled[path], rules, seen) if path in compiled else ""
        if stamp and os.path.exists(stamp):
            return ""
        good, output = run(["clang-tidy", "-quiet", "-p", ".", path])
        if good:
            unchanged.keep(stamp)
        return "" if good else f"{path}\n{output.rstrip()}"

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [found for found in pool.map(one, files("src/*.c", "guests/*.c", "tests/*.c")) if found]


def cppcheck():
    """cppcheck."""
    os.makedirs("build/cppcheck", exist_ok=True)
    good, output = run(["cppcheck", "-q", f"-j{os.cpu_count()}", "--cppcheck-build-dir=build/cppcheck", "--enable=warning,performance,portability",
                        "--std=c11", "--inline-suppr", "--suppressions-list=tests/check/cppcheck.txt", "-Isrc/include",
                        "-Iguests", "-Itests", "-Itests/unit", "--error-exitcode=1", "src", "guests", "tests"])
    return [] if good else [output.rstrip()]


def sizes():
    """No file grows past what one concept needs."""
    found = []
    for path in files("*.c", "*.h", "*.asm", "*.py"):
        with open(path, encoding="utf-8") as file:
            lines = sum(1 for _ in file)
        most = MOST_TEST_LINES if path.startswith("tests/") else MOST_LINES
        if lines > most:
            found.append(f"{path}: {lines} lines, more than {most}: is there a second concept in it?")
    return found


def python():
    """Every Python file compiles, and says what it is for."""
    found = []
    for path in files("*.py"):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        try:
            compile(text, path, "exec")
        except SyntaxError as error:
            found.append(f"{path}: {error}")
        if text and '"""' not in text[:60]:
            found.append(f"{path}: no docstring at its head")
    return found


def packages():
    """The package lists: one package a line with a reason, none twice."""
    found, seen = [], {}
    for path in files("packages/*.txt"):
        with open(path, encoding="ascii") as file:
            for number, line in enumerate(file, 1):
                if line.startswith("#"):
                    continue
                match = re.fullmatch(r"([a-z0-9][a-z0-9.+-]+) +# \S.*\n", line)
                if not match:
                    found.append(f"{path}:{number}: expected a package and a comment why")
                elif match.group(1) in seen:
                    found.append(f"{path}:{number}: {match.group(1)} is in {seen[match.group(1)]} already")
                else:
                    seen[match.group(1)] = path
    return found


def planted():
    """Each planted bug of `make test-mutants` still finds the text that it changes, once."""
    found = []
    for mutant in MUTANTS:
        with open(mutant.file, encoding="utf-8") as file:
            times = file.read().count(mutant.old)
        if times != 1:
            found.append(f"{mutant.file}: the text of `{mutant.what}` is there {times} times: plant it anew")
    return found


def tour():
    """The tour's stops are numbered without gaps, and docs/tour.md is made from them."""
    return tour_of_code.check()


def msrs():
    """docs/msrs.md has the line of each entry of the MSR policy."""
    words = {"PASS": "pass", "EMULATE": "emulate", "MTRR": "emulate", "CONSTANT": "reads 0", "ABSENT": "#GP"}
    with open("docs/msrs.md", encoding="utf-8") as file:
        rows = file.read()
    with open("src/cpu/msr_policy.h", encoding="utf-8") as file:
        entries = re.findall(r'^    ([A-Z]+)\((0x[0-9a-f]+), (?:(0x[0-9a-f]+), )?"([^"]+)"', file.read(), re.M)
    wanted = []
    for kind, first, last, name in entries:
        numbers = f"{int(first, 16):#x}" + (f" to {int(last, 16):#x}" if last and last != first else "")
        wanted.append(f"| {numbers} | {name} | {words[kind]} |")
    found = [f"docs/msrs.md: no line `{row}`" for row in wanted if row not in rows]
    return found + (["docs/msrs.md: lines that the policy has not"] if rows.count("| 0x") != len(wanted) else [])


def hypercalls():
    """Each hypercall of the ABI and each operation has an answer, and docs/hypercalls.md says which."""
    return hypercalls_answered.check()


def exits():
    """Every VM-exit reason has an answer, and docs/exits.md says which."""
    good, output = run([sys.executable, "-B", "tools/exits_page.py", "--check"])
    return [] if good else [output.strip()]


def cpuid():
    """docs/cpuid.md is made from the table of features."""
    good, output = run([sys.executable, "-B", "tools/cpuid_page.py", "--check"])
    return [] if good else [output.strip()]


def vectors():
    """The decoder's vectors of the lab trap are what the disassembler says today."""
    good, output = run([sys.executable, "-B", "labs/trap/vectors.py", "--check"])
    return [] if good else [output.strip()]


PARTS = [layout, headers, sizes, python, packages, planted, tour, hypercalls, msrs, exits, cpuid, vectors, cppcheck, tidy]


def main():
    """Runs the parts, or those named."""
    bad = 0
    for part in PARTS:
        if sys.argv[1:] and part.__name__ not in sys.argv[1:]:
            continue
        found = part()
        bad += len(found)
        print(f"{'ok    ' if not found else 'FAILED'} {part.__name__}: {part.__doc__.splitlines()[0]}", flush=True)
        for line in found:
            print(f"    {line}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
