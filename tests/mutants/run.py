#!/usr/bin/env python3
"""`make test-mutants`: plants each bug in a copy of the tree; the test named for it must fail. A test
that passes is too weak; a bug whose text is gone from its file has to be planted anew."""
import concurrent.futures
import os
import queue
import shutil
import subprocess
import sys
import time

from planted import MUTANTS

COPIED = ["Makefile", "src", "guests", "labs", "tests", "build/tests"]
SECONDS = 60  # a test that hangs has noticed, too


def copy_tree(number):
    """A copy in which to plant, with what is built already."""
    tree = f"build/mutants/{number}"
    shutil.rmtree(tree, ignore_errors=True)
    for name in COPIED:
        target = os.path.join(tree, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        subprocess.run(["cp", "-a", name, target], check=True)
    return tree


def quiet(words, tree):
    """(exit status, output) of a command in a tree."""
    done = subprocess.run(words, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          text=True, errors="replace", check=False)
    return done.returncode, done.stdout


def try_test(tree, test):
    """"" if the test fails as it should, or what went wrong."""
    program = f"build/tests/{test}"
    status, output = quiet(["make", "-s", program], tree)
    if status:
        return f"does not compile: {output.strip().splitlines()[-1] if output.strip() else ''}"
    status, output = quiet(["setarch", "-R", "timeout", str(SECONDS), program], tree)
    return "" if status else "NOT CAUGHT"


def sound(tests):
    """Whether the tests pass with nothing planted: else they would catch anything."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda test: (test, quiet(["setarch", "-R", f"build/tests/{test}"], ".")[0]), tests))
    for test, status in results:
        if status:
            print(f"FAILED {test} without any bug planted")
    return not any(status for _, status in results)


def plant(tree, mutant):
    """Plants one, runs its test, takes it out again. Returns as try_test."""
    path = os.path.join(tree, mutant.file)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if text.count(mutant.old) != 1:
        return f"its text is in {mutant.file} {text.count(mutant.old)} times"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(mutant.old, mutant.new))
    try:
        return try_test(tree, mutant.test)
    finally:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def main():
    """Tries all of them, or those of the files or tests that are named."""
    chosen = [m for m in MUTANTS if not sys.argv[1:] or any(word in m.file + m.test for word in sys.argv[1:])]
    if not sound(sorted({mutant.test for mutant in chosen})):
        return 1
    jobs, trees = os.cpu_count(), queue.Queue()
    for number in range(jobs):
        trees.put(copy_tree(number))

    def one(mutant):
        tree, start = trees.get(), time.monotonic()
        try:
            return mutant, plant(tree, mutant), time.monotonic() - start
        finally:
            trees.put(tree)
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for mutant, wrong, seconds in pool.map(one, chosen):
            bad += bool(wrong)
            print(f"{'FAILED' if wrong else 'caught'} {mutant.file}: {mutant.what} ({mutant.test}, {seconds:.0f} s) "
                  f"{wrong}".rstrip(), flush=True)
    print(f"{len(chosen) - bad} of {len(chosen)} planted bugs caught")
    return 1 if bad or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
