"""The hypercalls under libFuzzer for a minute; `make fuzz-pv` goes on from what it finds. A tree without
build/fuzz/fuzz_pv has no hypercalls."""
import os
import subprocess

from result import Result

PROGRAM, CORPUS, SECONDS = "build/fuzz/fuzz_pv", "build/fuzz/corpus-pv", 60


def run(_jobs):
    """One result; what the program said is shown if it failed."""
    if not os.path.exists(PROGRAM):
        return
    os.makedirs(CORPUS, exist_ok=True)
    command = ["setarch", "-R", PROGRAM, f"-max_total_time={SECONDS}", "-max_len=1400", "-len_control=0",
               "-artifact_prefix=build/fuzz/", CORPUS]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, check=False)
    lines = done.stdout.splitlines()
    print("\n".join(lines[-1:] if done.returncode == 0 else lines[-60:]), flush=True)
    yield Result(1) if done.returncode == 0 else Result(0, ["the hypercalls under libFuzzer: see above, and build/fuzz/"])
