"""Domains that run code made of random numbers, and die of it again and again (guests/chaos), and honest ones beside
them: these must come to their ends with right answers, and the hypervisor must be well."""
import concurrent.futures
import os
import re

from lib import bochs, columns, console, guests, image
from lib.boot import Boot
from result import Result
from suite import NO_EPT

OPTIONS = "domains=together slice=1000"
LIFE_MS = 4000  # code can spoil whatever would end it: then the hypervisor does
BUDGET = 1_200_000_000  # for each of the lives of a domain
HONEST = [("compute", "seed=1 rounds=150"), ("forkexit", ""), ("syscall", "")]
WHERE = [("shadow", ""), ("shadow", NO_EPT), ("ept", "")]
CHAOS = (1, 2, 3)
REAL = 3  # its code is for real mode
ANNOUNCED = 64  # runs: how often a domain says that it goes on
LEAST = 3  # runs of code in a life, on average


def lines_for(column, seed, lives):
    """GRUB's lines, and the files that they name."""
    files = {"trivisor.elf": column.kernel("debug"), "chaos.elf": guests.load("chaos").elf}
    lines = [f"multiboot2 /boot/trivisor.elf {OPTIONS}"]
    for number in CHAOS:
        many = f"lives={lives // 2} triples=0 real" if number == REAL else f"lives={lives} triples={lives // 2}"
        words = f"seed={seed + number - 1} runs=256 {many}"
        lines.append(f"module2 /boot/chaos.elf name=chaos{number} mem=16M on_crash=restart life_ms={LIFE_MS} -- {words}")
    for name, arguments in HONEST:
        one = guests.load(name)
        files[f"{name}.elf"] = one.elf
        lines.append(f"module2 /boot/{name}.elf name={name} mem={one.mem} -- {arguments}".rstrip())
    return lines, files


def judge(log, why, lives):
    """What is wrong, as sentences."""
    parsed = console.parse(log)
    wrong = list(parsed.faults) + ([f"ended by {why}"] if why else [])
    if not parsed.machine or not parsed.machine["ok"]:
        wrong.append("the hypervisor does not say that all went well")
    for name, _ in HONEST:
        speaker = parsed.speaker(name)
        wrong += [f"{name}: {check['what']}" for check in speaker.checks]
        if not speaker.done or not speaker.done["ok"]:
            wrong.append(f"{name} did not come to its end")
    ran = [parsed.speaker(f"chaos{number}").ledger.get("exit_dr_access", {"n": 0})["n"] for number in CHAOS]
    wrong += [f"chaos{number}: only {traps} pieces of code ran" for number, traps in zip(CHAOS, ran) if traps < LEAST * lives // 2]
    return wrong, sum(ran)


def boot(column, model, seed, lives):
    """One machine; the Result has one for each honest domain and one for the hypervisor."""
    guest = guests.Guest("chaos", "", BUDGET * lives, "", "", "", False, False)
    one = Boot(columns.ALL[column], guest, "debug", tag="penryn" if model else "", **({"model": model} if model else {}))
    os.makedirs(one.folder, exist_ok=True)
    lines, files = lines_for(one.column, seed, lives)
    outcome = bochs.run(one, image.write(one.folder, lines, ["multiboot2"], files), wall_seconds=60 + 20 * lives)
    wrong, ran = judge(outcome.log, outcome.why, lives)
    print(f"{'FAILED' if wrong else 'green'}: {one.label}, seed {seed}: {ran} pieces of random code"
          f" ({outcome.seconds:.0f} s)", flush=True)
    if wrong:
        return Result(0, [f"{one.label}, seed {seed}: {'; '.join(wrong[:6])} (see {one.folder}/com1.txt)"])
    return Result(len(HONEST) + 1)


def run(jobs, seed=1, lives=10):
    """In both modes of full virtualization, and on the machine without EPT."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda where: boot(*where, seed, lives), WHERE)
