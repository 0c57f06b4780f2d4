"""A run's record: one JSON file a run in build/results/, with all that is needed to tell what ran."""
import functools
import json
import os
import subprocess

from lib import console, linux, linux_figures

FOLDER = "build/results"


@functools.lru_cache
def commit():
    """(commit, dirty) of this tree."""
    def git(*words):
        return subprocess.run(["git", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=False).stdout.strip()
    return git("rev-parse", "HEAD") or "unknown", bool(git("status", "--porcelain", "--untracked-files=no"))


@functools.lru_cache
def version(package):
    """The Debian version of an emulator's package."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout or "unknown"


def summary(record, most=4):
    """The first few failures, for a line on the terminal."""
    wrong = record["failures"]
    return "; ".join(wrong[:most]) + (f"; and {len(wrong) - most} more" if len(wrong) > most else "")


def failures(boot, outcome, parsed):
    """Why this run is not green; [] if it is."""
    ended = {"budget": f"not finished after {boot.guest.budget} ticks", "wall time": "not finished in time",
             "": ""}[outcome.why]
    wrong = console.verdict(parsed, boot.column.under)
    if ended:
        return [ended]
    return wrong + (outcome.complaints if wrong else [])


def make(boot, outcome, emulator="bochs"):
    """The record, as JSON knows it."""
    parsed = console.parse(outcome.log)
    native = boot.column.under != "trivisor"
    main = parsed.speaker("" if native else boot.guest.name)
    number, dirty = commit()
    wrong = failures(boot, outcome, parsed)
    if boot.guest.kernel and main.figures:
        entered = main.lives[0].get("entered", 0) if main.lives else outcome.entered
        khz = linux.KHZ if native else (parsed.boot or {}).get("tsc_khz", 0)
        main.figures = linux_figures.since(main.figures, entered, khz)
        wrong += linux_figures.wrong(main.figures)
    record = {
        "guest": boot.guest.name, "column": boot.column.name, "build": boot.build, "ok": not wrong,
        "failures": wrong, "commit": number, "dirty": dirty, "emulator": emulator,
        "emulator_version": version("bochs" if emulator == "bochs" else "qemu-system-x86"), "cpu": boot.model,
        "memory_mib": boot.megs, "command_line": boot.domain_line(),
        "platform": (main.guest or {}).get("platform"), "boot": parsed.boot, "figures": main.figures,
        "regions": main.regions, "ledger": main.ledger, "attacks": main.attacks,
        "domains": [life for speaker in parsed.speakers.values() for life in speaker.lives],
        "log": os.path.join(boot.folder, "com1.txt"), "wall_seconds": round(outcome.seconds, 2),
    }
    write(record, os.path.join(boot.folder, "record.json"))  # for `make why`
    return record


def write(record, path):
    """A record as a file."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(record, file, indent=1, sort_keys=True)
        file.write("\n")


def save(record, tag=""):
    """Writes the record; returns its path."""
    os.makedirs(FOLDER, exist_ok=True)
    path = os.path.join(FOLDER, f"{record['column']}-{record['guest']}{tag and '-'}{tag}.json")
    write(record, path)
    return path
