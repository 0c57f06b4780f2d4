#!/usr/bin/env python3
"""Checks the answers of the lab look: boots the guest with the student's seed in three modes, once with Bochs' debugger
stopping where the student stopped, and works out from that what the answers are."""
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "tools"))

from lib import bochs, console, lab_answers  # noqa: E402

GUEST = "labs/look/guest"
DOMAIN = "look-guest"
COMMANDS = ["creg", "page rdi", "x /1gx rdi", "page rsi", "vmexitbp", "c", "r", "c", "r", "vmexitbp", "c", "page rsi"]
OWN = ("exit_vmcall", "hc_trivisor")  # the marks of the regions themselves
TABLE = 512
SHARE_NEAR = 3  # percent of the whole
WHY = {  # what to look at again
    "region_1_exits": "add the counters exit_ of region 1, without exit_vmcall",
    "pages_touched": "each page that was never touched is one EPT violation",
    "sleeps": "each sleep is an exit for HLT",
    "apic_accesses": "the local APIC is memory that belongs to a device: mmio_access",
    "share": "hypervisor_ticks and ticks of the line @domain",
    "dearest": "the second column of the table of the whole life",
    "second_rax": "at the exit the general registers are still the guest's, RSP apart",
    "ticks_between": "the difference of the two `Next at t=`, with vmexitbp on",
    "cr3": "`creg` at look_here, not in the hypervisor",
    "gpa": "the address bits of the PTE, and the offset of va in its page",
    "ept_index_1": "bits 12 to 20 of gpa",
    "ept_pte": "of the five groups of EPT lines in `page`, the last is for the data page itself",
    "machine": "the address bits of the EPT entry, and the offset",
    "secret": "`x /1gx` of va at look_here, or `xp /1gx` of machine",
    "large_gpa": "the PDE has bit 7 (PS) set: its address is of 2 MiB, and 21 bits of the address are the offset",
    "ept_before": "`page` of the second argument at look_here: the last line of EPT",
    "ept_after": "the same at look_again",
    "changes": "each change flushes once: under MODE=shadow INVLPG exits",
    "region_4_ept": "the guest's tables are its own under ept",
    "region_4_shadow": "add the counters exit_ of region 4, without exit_vmcall",
    "region_4_pv": "add the counters hc_ of region 4, without hc_trivisor",
}
NAMES = ["first_exit", "second_exit"]  # no run says them in a word: only the teacher's tree has them
TESTS = {
    "ledger": ["cpuid_exits", "region_1_exits", "pages_touched", "sleeps", "apic_accesses"],
    "share": ["share", "dearest"],
    "stop": ["second_rax", "ticks_between"],
    "walk": ["va", "cr3", "index_4", "index_3", "index_2", "index_1", "pte", "gpa"],
    "second_stage": ["ept_index_1", "ept_pte", "machine", "secret"],
    "missing": ["large_gpa", "ept_before", "ept_after"],
    "modes": ["changes", "region_4_ept", "region_4_shadow", "region_4_pv"],
}


def symbol(elf, name):
    """A function's address."""
    listing = subprocess.run(["nm", elf], stdout=subprocess.PIPE, text=True, check=True).stdout
    return next(line.split()[0] for line in listing.splitlines() if line.endswith(" " + name))


def script(boot):
    """What the debugger is told."""
    stops = [f"lb 0x{symbol(boot.guest.elf, name)}" for name in ("look_here", "look_again")]
    return "\n".join([*stops, "c", *COMMANDS, ""])


def boots():
    """({mode: its domain's Speaker}, the debugger's output of ept, the console of ept). Of the same images they are the same,
    so they are made once."""
    made = {mode: lab_answers.prepare(mode, GUEST) for mode in ("ept", "shadow", "pv")}
    digest = hashlib.sha256()
    for boot, image in made.values():
        with open(image, "rb") as file:
            digest.update(script(boot).encode() + file.read())
    kept = f"build/answers/look-{digest.hexdigest()}.json"
    if not os.path.exists(kept):
        os.makedirs("build/answers", exist_ok=True)
        with open(kept + ".new", "w", encoding="utf-8") as file:
            json.dump(run(made), file)
        os.replace(kept + ".new", kept)
    with open(kept, encoding="utf-8") as file:
        logs, output = json.load(file)
    return {mode: console.parse(log).speakers[DOMAIN] for mode, log in logs.items()}, output, logs["ept"]


def run(made):
    """({mode: its console}, the debugger's output of ept); made: {mode: (its Boot, the image)}."""

    def one(mode):
        boot, image = made[mode]
        outcome = bochs.run(boot, image, wall_seconds=lab_answers.WALL_SECONDS,
                            script=script(boot) if mode == "ept" else "")
        return outcome.log
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        logs = dict(zip(made, pool.map(one, made)))
    for mode, log in logs.items():
        if '@machine {"ok":true' not in log:
            sys.exit(f"the grader's own run under {mode} did not come to its end")
    with open(os.path.join(made["ept"][0].folder, "bochs.out"), encoding="utf-8", errors="replace") as file:
        return logs, file.read()


def moved(speaker, region, prefix):
    """{counter: times} of a region."""
    counters = speaker.regions[str(region)]["counters"]
    return {name: cell["n"] for name, cell in counters.items() if name.startswith(prefix) and name not in OWN}


def from_ledgers(speakers):
    """Parts 1 and 6."""
    ept, life = speakers["ept"], speakers["ept"].lives[0]
    ticks = {name: cell["ticks"] for name, cell in ept.ledger.items()}
    return {
        "cpuid_exits": moved(ept, 1, "exit_").get("exit_cpuid", 0),
        "region_1_exits": sum(moved(ept, 1, "exit_").values()),
        "pages_touched": moved(ept, 2, "exit_").get("exit_stage2", 0),
        "sleeps": moved(ept, 3, "exit_").get("exit_hlt", 0),
        "apic_accesses": moved(ept, 3, "mmio_").get("mmio_access", 0),
        "share": (200 * life["hypervisor_ticks"] + life["ticks"]) // (2 * life["ticks"]),
        "dearest": max(ticks, key=lambda name: ticks[name]),
        "changes": moved(speakers["shadow"], 4, "exit_").get("exit_invlpg", 0),
        "region_4_ept": sum(moved(ept, 4, "exit_").values()),
        "region_4_shadow": sum(moved(speakers["shadow"], 4, "exit_").values()),
        "region_4_pv": sum(moved(speakers["pv"], 4, "hc_").values()),
    }


def entry(text, name):
    """The last entry of a kind that `page` printed."""
    return int(re.findall(rf"^ *{name}: 0x([0-9a-f]+)", text, re.M)[-1], 16)


def from_debugger(output, log):
    """Parts 2 to 5, from the stops: look_here, the first exit, the second, look_again."""
    stops = re.split(r"^Next at t=", output, flags=re.M)[2:6]  # behind that of the machine before its first instruction
    here, first, second, again = stops
    before, large = here.split("[bochs]:")[0], here.split("[bochs]:")[1]
    va, second_va = (int(word, 16) for word in re.search(r"look_here\((0x\w+), (0x\w+)\)", log).groups())
    pte, ept_pte = entry(before, "PTE"), entry(before, "EPT  PTE")
    address = 0x000ffffffffff000
    return {
        "second_rax": int(re.search(r"^rax: (\w+)", second, re.M).group(1).replace("_", ""), 16),
        "ticks_between": int(re.match(r"\d+", second).group()) - int(re.match(r"\d+", first).group()),
        "va": va, "cr3": int(re.search(r"^CR3=0x(\w+)", here, re.M).group(1), 16),
        **{f"index_{level}": va >> (3 + 9 * level) & (TABLE - 1) for level in (4, 3, 2, 1)},
        "pte": pte, "gpa": (pte & address) | (va & 0xfff),
        "ept_index_1": pte >> 12 & (TABLE - 1), "ept_pte": ept_pte, "machine": (ept_pte & address) | (va & 0xfff),
        "secret": int(re.search(r">:\s+0x([0-9a-f]+)", large).group(1), 16),
        "large_gpa": (entry(large, "PDE") & address & ~0x1fffff) | (second_va & 0x1fffff),
        "ept_before": entry(large, "EPT  PTE"), "ept_after": entry(again, "EPT  PTE"),
    }


def right_answers():
    """{question: answer}, numbers and names."""
    speakers, output, log = boots()
    return {**from_ledgers(speakers), **from_debugger(output, log)}


def is_right(key, got, right):
    """Whether an answer will do. The share may be off a little: how long the hypervisor waits for the console depends on how
    much it has printed, the name of its commit, say."""
    if isinstance(right, str):
        return got.lower().strip("`") == right
    value = lab_answers.number(got)
    return value is not None and abs(value - right) <= (SHARE_NEAR if key == "share" else 0)


def main():
    """A line a test."""
    answers = lab_answers.read(sys.argv[1])
    with open(os.path.join("labs/look", "seed"), encoding="ascii", errors="replace") as file:
        own = [line.split("#")[0].strip() for line in file if line.split("#")[0].strip()]
    seed = own[0] if own else ""
    lab_answers.say("seed", [] if seed.isdecimal() and int(seed) else [("seed", seed, "it is still the one of the handout")],
                    "labs/look/seed")
    right, names = right_answers() if any(answers.get(key) for keys in TESTS.values() for key in keys) else {}, lab_answers.fixed("look")
    for test, keys in TESTS.items():
        wrong = [(key, answers.get(key, ""), WHY.get(key, "not what the grader's own run has"))
                 for key in keys if key not in right or not is_right(key, answers.get(key, ""), right[key])]
        if test == "stop":
            wrong += lab_answers.wrong_fixed(names, NAMES, answers)
            if names is None and not wrong:
                lab_answers.skip(test, lab_answers.LATER)
                continue
        lab_answers.say(test, wrong, "labs/look/README.md")


if __name__ == "__main__":
    main()
