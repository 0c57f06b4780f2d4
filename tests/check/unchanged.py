"""What clang-tidy has found good stays so until the file, something that it includes, or the rules change: a stamp for
each in build/check. Only what is good is kept."""
import hashlib
import os
import re
import subprocess

FOLDER = "build/check"


def _content(path, seen):
    """A file's digest, read once."""
    if path not in seen:
        with open(path, "rb") as file:
            seen[path] = hashlib.sha256(file.read()).digest()
    return seen[path]


def stamp(path, compiled, rules, seen):
    """The stamp of a file, or "" if the compiler cannot say what it includes. compiled: the command that compiles it;
    rules: digest of the checker's version and rules; seen: {path: digest}, which fills up."""
    done = subprocess.run([*compiled, "-MM", "-MF", "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if done.returncode:
        return ""
    digest = hashlib.sha256(rules + repr(compiled).encode())
    for name in sorted(set(re.sub(r"\\\n", " ", done.stdout.partition(":")[2]).split())):
        digest.update(name.encode() + b"\0" + _content(name, seen))
    return os.path.join(FOLDER, digest.hexdigest())


def keep(path):
    """It was good."""
    if path:
        os.makedirs(FOLDER, exist_ok=True)
        with open(path, "wb"):
            pass
