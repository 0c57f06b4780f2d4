"""The boot part: the lab's guest under the student's hypervisor in Bochs, judged by the guest's sealed lines.
The budget is in ticks, so that the outcome does not depend on how fast the grader's machine is."""
import concurrent.futures
import contextlib
import os
import re
import subprocess

from lib import bochs, columns, console, image, lab_attack, lab_catalog, lab_host, lab_seal, lab_verdict
from lib.boot import Boot
from lib.guests import Guest

SECRET = "build/labs/secret/grade_secret.h"
BUILD_SECONDS = 300


class TreeColumn(columns.Column):
    """A column whose hypervisor lies in another tree."""

    def kernel(self, build):
        return os.path.join(self.top, self.image or super().kernel(build))

    top, image = "", ""


class TreeGuest(Guest):
    """A guest whose image lies in another tree."""

    top, path = "", ""

    @property
    def elf(self):
        return os.path.join(self.top, self.path)


class TreeBoot(Boot):
    """A boot whose files lie below another tree's build/boots."""

    @property
    def folder(self):
        return os.path.join(self.guest.top, super().folder)

    def modules(self):
        return [(os.path.join(self.guest.top, file), line) for file, line in super().modules()]


def boot_of(lab, number, top):
    """The Boot of the lab's boot part of that number in a tree."""
    item = lab.data["boot"][number]
    guest = lab_catalog.lab_guest(top, item)
    mode = item["mode"]
    column = TreeColumn(mode, columns.ALL[mode].under, columns.ALL[mode].vtx)
    object.__setattr__(column, "top", top)
    if item.get("attack") in lab_attack.BUILDS:
        object.__setattr__(column, "image", lab_attack.kernel(item["attack"]))
    moved = TreeGuest(**guest.__dict__)
    object.__setattr__(moved, "top", top)
    object.__setattr__(moved, "path", guest.elf)
    return TreeBoot(column, moved, item.get("build", "debug"), model=item.get("model", Boot.model),
                    args=item.get("args", ""), config=item.get("config", ""), tag=f"grade{number}")


def forget_secret(top):
    """While the student's files are compiled there is no key that they could take in."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(top, SECRET))


def write_secret(top, key, nonce):
    """The key of this run, and what is not to be found out, for the guests' builds."""
    path = os.path.join(top, SECRET)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(f"#define GRADE_SECRET_0 0x{key[0]:016x}ULL\n#define GRADE_SECRET_1 0x{key[1]:016x}ULL\n"
                   f"#define GRADE_NONCE 0x{nonce:016x}ULL\n")


def targets(boot):
    """What make must build for it."""
    kernel = boot.column.kernel(boot.build) if boot.column.under else ""
    return [os.path.relpath(path, boot.guest.top) for path in [kernel, *(elf for elf, _ in boot.modules())] if path]


def build(top, wanted):
    """Builds; raises lab_host.Refused with the first errors, lab_host.Broken if it does not end."""
    guests = [os.path.basename(path)[:-4] for path in wanted if path.startswith("build/guests/")]
    words = ["prlimit", *lab_host.COMPILER_LIMITS, "--", "make", "-s", "--no-print-directory", f"-j{os.cpu_count()}",
             f"GUESTS={' '.join(guests)}", *wanted]
    done = lab_host.within(words, BUILD_SECONDS, cwd=top, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise lab_host.Refused(lab_host.first_errors(done.stdout))


def why_not(boot, outcome):
    """(outcome, sentence) for a test whose line did not come."""
    text = outcome.log
    missing = re.search(r'^\[trivisor\] @lab \{"missing":"([^"]*)"\}', text, re.M)
    if missing:
        return "failure", f"exercise {missing.group(1)} is not written yet"
    if outcome.why == "budget":
        return "budget", f"not finished after {boot.guest.budget} ticks"
    if outcome.why:
        return "error", "the emulator was not finished in time"
    panic = re.search(r'^\[trivisor\] @panic \{"what":"(.*)"\}', text, re.M)
    if panic:
        return "crash", f"the hypervisor gave up: {panic.group(1)}"
    if any(re.search(r"3rd \(|PANIC", line) for line in outcome.complaints):
        return "crash", f"the machine stopped: {outcome.complaints[-1]}"
    parsed = console.parse(text)
    for speaker in parsed.speakers.values():
        for life in speaker.lives:
            if not life["expected"]:
                return "failure", f"the guest was stopped before the end of this test: {life['reason']} {life['detail']}"
    if parsed.faults:
        return "crash", parsed.faults[0]
    return "failure", "the guest never came to the end of this test" + "".join(
        f"; {line}" for line in outcome.complaints[-1:])


def with_violation(verdict, text):
    """A failed check of the machine's invariants says a number; the first sentence that belongs to it stands in the log."""
    found = re.search(r'^\[trivisor\] @violation \{"what":"(.*)"\}', text, re.M)
    if found and "violation" in verdict.message:
        verdict.message += lab_verdict.printable(f" (the first: {found.group(1)})", 200)
    return verdict


def grade_one(lab, number, top, key, nonce):
    """The verdicts of one boot."""
    item, boot = lab.data["boot"][number], boot_of(lab, number, top)
    part = f"boot {item['mode']}" + ("" if len(lab.data["boot"]) < 2 else f" {number + 1}")
    tests = [test for test in lab.tests if test.part == "boot" and test.run == number]
    os.makedirs(boot.folder, exist_ok=True)
    try:
        outcome = bochs.run(boot, image.for_boot(boot))
    except (OSError, RuntimeError) as error:
        return [lab_verdict.of(test, part, "error", f"the emulator did not start: {error}") for test in tests]
    said, verdicts = lab_seal.read(outcome.log, key), []
    log = os.path.join(boot.folder, "com1.txt")
    if "attack" in item:
        return [lab_attack.judge(test, part, item["attack"], boot, outcome, nonce, why_not) for test in tests]
    for test in tests:
        if test.name in said:
            verdicts.append(with_violation(lab_verdict.from_line(test, part, said[test.name]), outcome.log))
        else:
            kind, sentence = why_not(boot, outcome)
            verdicts.append(lab_verdict.of(test, part, kind, sentence, where=os.path.relpath(log)))
    return verdicts


def grade(lab, top, jobs, chosen=None, trees=None):
    """The verdicts of the boot parts, or of those chosen by number; trees: lab_attack.Trees, if there are attacks."""
    numbers = [number for number in range(len(lab.data.get("boot", []))) if chosen is None or number in chosen]
    tests = [test for test in lab.tests if test.part == "boot" and test.run in numbers]
    absent = [number for number in numbers if not os.path.exists(os.path.join(top, lab.data["boot"][number]["guest"]))]
    numbers = [number for number in numbers if number not in absent]
    skipped = [lab_verdict.of(test, f"boot {test.run + 1}", "skip", "your teacher's grader tries this") for test in tests
               if test.run in absent]
    tests = [test for test in tests if test.run not in absent]
    key, nonce = lab_seal.new_key(), lab_seal.new_key()[0]
    wanted = sorted({target for number in numbers for target in targets(boot_of(lab, number, top))})
    kernels = [target for target in wanted if target.endswith("/trivisor.elf")]
    wanted = [target for target in wanted if not target.startswith(lab_attack.FOLDER)]
    try:
        forget_secret(top)
        if trees:
            trees.check()
            for one in lab_attack.BUILDS:
                if trees.made(one):
                    continue
                trees.lay(one)
                build(top, [f"build/{lab.data['modes'][0]}/debug/trivisor.elf"])
                trees.keep(one, f"build/{lab.data['modes'][0]}/debug/trivisor.elf")
            trees.lay("")
        first = kernels + [target for target in wanted if "/guest_attack" in target]
        if first:
            build(top, first)
        write_secret(top, key, nonce)
        build(top, [target for target in wanted if target not in first])
    except lab_host.Refused as error:
        return skipped + [lab_verdict.of(test, "boot", "failure", f"your files do not build: {error}") for test in tests]
    except lab_host.Broken as error:
        return skipped + [lab_verdict.of(test, "boot", "error", f"the build: {error}") for test in tests]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        done = pool.map(lambda number: grade_one(lab, number, top, key, nonce), numbers)
        verdicts = skipped + [verdict for verdicts in done for verdict in verdicts]
    return lab_attack.only_with(lab, verdicts)
