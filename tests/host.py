"""The host tests: each program of build/tests/, several at a time, its output shown whole."""
import concurrent.futures
import os
import re
import subprocess
import time

from result import Result

SECONDS = 600  # a test that hangs is a failure


def programs():
    """The test programs that the sources say there should be, as (name, path)."""
    for folder in ("model", "unit"):  # the long ones first
        for name in sorted(os.listdir(f"tests/{folder}")):
            if name.startswith("test_") and name.endswith(".c"):
                yield f"{folder}/{name[:-2]}", f"build/tests/{folder}/{name[:-2]}"


def run_one(path):
    """(exit status, output, seconds) of one program. Address randomization is off: the sanitizers' shadow
    memory and the test's fixed mappings must not meet by chance."""
    command = ["setarch", "-R", "timeout", str(SECONDS), path]
    start = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout, time.monotonic() - start


def judge(name, status, output):
    """Counts cmocka's own verdicts; a program that ends badly without one is one failure more."""
    passed = len(re.findall(r"^\[       OK \]", output, re.M))
    failed = sorted(set(re.findall(r"^\[  FAILED  \] ([A-Za-z_]\w*)$", output, re.M)))
    failures = [f"{name}: {test}" for test in failed]
    if status != 0 and not failures:
        why = "took too long" if status == 124 else f"ended with status {status}"
        failures.append(f"{name}: {why}")
    if status == 0 and not passed:
        failures.append(f"{name}: ran no test")
    return Result(passed, failures)


def run(jobs):
    """Runs them all; prints each one's output as it ends."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(run_one, path): name for name, path in programs()}
        for future in concurrent.futures.as_completed(running):
            status, output, seconds = future.result()
            print(f"== {running[future]} ({seconds:.1f} s)\n{output.rstrip()}", flush=True)
            yield judge(running[future], status, output)
