#!/usr/bin/env python3
"""`make compile_commands.json`: how each C file is compiled, for editors and clang-tidy. The flags
come from the Makefile, less those that only gcc knows."""
import argparse
import glob
import json
import os
import shlex
import sys

ONLY_GCC = {"-fno-tree-loop-distribute-patterns", "-fno-sanitize-recover=all"}


def entry(path, flags):
    """One file's entry."""
    words = [word for word in flags if word not in ONLY_GCC and not word.startswith("-fsanitize=")]
    return {"directory": os.getcwd(), "file": path, "arguments": ["gcc", *words, "-c", path]}


def commands(args):
    """Every C file's entry: the debug builds, as the tests see them."""
    for path in sorted(glob.glob("src/**/*.c", recursive=True)):
        names = ['-DMODE_NAME="ept"', '-DBUILD_NAME="debug"']
        yield entry(path, shlex.split(args.hypervisor) + names)
    for path in sorted(glob.glob("guests/*/*.c")):
        name = os.path.basename(path)
        flags = args.user if name.startswith("user_") else args.kernel
        yield entry(path, shlex.split(flags) + ["-iquote", os.path.dirname(path)])
    for path in sorted(glob.glob("guests/*/plain/*.c")):
        yield entry(path, shlex.split(args.plain) + ["-iquote", "guests", "-iquote", os.path.dirname(os.path.dirname(path))])
    for path in sorted(glob.glob("tests/unit/*.c") + glob.glob("tests/model/*.c")):
        yield entry(path, shlex.split(args.test))
    for path in sorted(glob.glob("tests/pvworld/*.c")):
        yield entry(path, shlex.split(args.test) + ["-include", "tests/pvworld/insn.h"])


def main():
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    for what in ("hypervisor", "kernel", "user", "plain", "test"):
        parser.add_argument(f"--{what}", required=True, help="its flags")
    args = parser.parse_args()
    with open("compile_commands.json", "w", encoding="utf-8") as file:
        json.dump(list(commands(args)), file, indent=1)
        file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
