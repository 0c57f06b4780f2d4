"""Attacks by a student's guest. A lab may have weak code (`weak` regions, in the files that lab.json calls "weak"), which a
handout has in place of the sound: the student breaks it with a guest, and mends it. A boot with "attack": BUILD is judged by
whether the guest says what its neighbour keeps to itself, a number that is another in each run:

    weak        a build of the grader's with the weak code: the attack must succeed
    reference   the grader's build with the sound code: it must not
    mended      the student's: it must not

The grader's builds have what its clean tree has; a handout, whose exercises are open there, takes the student's code for them,
and for the sound code its assembly. A boot's "only_with" is a test without which its own do not count."""
import hashlib
import os
import re
import shutil

from lib import lab_host, lab_regions, lab_tree, lab_verdict

BUILDS = ("weak", "reference")
FOLDER = "build/attack/"
TAKEN = re.compile(r"%include [^\n;]*")
LOOT = re.compile(r"^\[([\w-]+)\] @loot ([0-9a-f]{16})\s*$", re.M)


def kernel(build):
    """Where the hypervisor of that build is kept."""
    return f"{FOLDER}{build}.elf"


def wanted(lab, boots):
    """Whether one of these boots (None: of all) is an attack."""
    return any("attack" in boot and (boots is None or number in boots) for number, boot in enumerate(lab.data.get("boot", [])))


class Trees:
    """The tree in which is built, laid out for each of the builds in turn."""

    def __init__(self, lab, top, clean, files):
        self.lab, self.top, self.clean, self.files = lab, top, clean, files

    def check(self):
        """The student's guest may take in nothing but headers by their names, assembly what it took in before; raises Refused."""
        for path in self.lab.files:
            if path.endswith(".asm") and path in self.files:
                text, before = (tree[path][0].decode(errors="replace").lower() for tree in (self.files, self.clean))
                words = set(re.findall(r"(?:%[-+!]?\s*include\b|incbin|%\s*pathsearch|%\s*depend)[^\n;]*", text))
                wrong = {word.strip() for word in words} - {word.strip() for word in TAKEN.findall(before)} - {'%include "lab.inc"'}
                if wrong:
                    raise lab_host.Refused(f"{path} takes in a file that it did not before: {sorted(wrong)[0]}")
            if "/guest_attack/" in path and path in self.files:
                text = self.files[path][0].decode(errors="replace")
                plain = re.sub(r'^[ \t]*#[ \t]*include[ \t]*["<](?!\.|/)(?:(?!\.\.)[\w./-])+[">]', "", text, flags=re.M)
                found = re.search(r"include|incbin|%:|\?\?=", re.sub(r"/\*.*?\*/|//[^\n]*", "", plain, flags=re.S))
                if found:
                    raise lab_host.Refused(f"{path} takes in a file that is no header of the tree: {found.group()}")

    def made(self, build):
        """Whether that build's hypervisor is there already, from the same files."""
        try:
            with open(self._mark(build), encoding="ascii") as file:
                return file.read() == self._digest(build)
        except FileNotFoundError:
            return False

    def _mark(self, build):
        return os.path.join(self.top, kernel(build)) + ".from"

    def _digest(self, build):
        digest = hashlib.sha256()
        for path, (content, _) in sorted(self._files(build).items()):
            if path.startswith("src/") or path == "Makefile":
                digest.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
        return digest.hexdigest()

    def lay(self, build):
        """`build`, or "" for the student's."""
        lab_tree.sync(self.top, self._files(build))

    def _files(self, build):
        files = dict(self.files)
        if build:
            if lab_tree.HANDOUT not in self.clean:
                files = dict(self.clean)
            for path in self.lab.data["weak"]:
                content, mode = self.clean[path]
                if build == "weak":
                    regions = [region for region in lab_regions.parse(path, content.decode()) if region.weak]
                    text = lab_regions.rewrite(content.decode(), regions, lambda region: "cut", {one.id: 1 for one in regions})
                    files[path] = (text.encode(), mode)
                elif self.lab.sound(path) in self.clean:
                    del files[path]
                    files[path[:-2] + ".S"] = self.clean[self.lab.sound(path)]
                else:
                    files[path] = self.clean[path]
        return files

    def keep(self, build, made):
        """What was made is that build's hypervisor."""
        there = os.path.join(self.top, kernel(build))
        os.makedirs(os.path.dirname(there), exist_ok=True)
        shutil.copyfile(os.path.join(self.top, made), there)
        with open(self._mark(build), "w", encoding="ascii") as file:
            file.write(self._digest(build))


def judge(test, part, build, boot, outcome, nonce, why_not):
    """The verdict on an attack's boot."""
    said = [value for name, value in LOOT.findall(outcome.log) if name == boot.guest.name]
    log = os.path.relpath(os.path.join(boot.folder, "com1.txt"))
    kind, why = why_not(boot, outcome)
    if test.clean:
        return judge_clean(test, part, outcome, f"{nonce:016x}" in said, (kind, why), log)
    machine_ended = re.search(r"^\[trivisor\] @machine ", outcome.log, re.M)
    if f"{nonce:016x}" in said:
        if build == "weak":
            return lab_verdict.of(test, part, "success")
        where = "the sound build: it does not use the weakness" if build == "reference" else "your build"
        return lab_verdict.of(test, part, "failure", f"the attack reads the neighbour's secret on {where}", where=log)
    if kind in ("crash", "budget", "error") or "is not written yet" in why or not machine_ended:
        return lab_verdict.of(test, part, kind, why, where=log)
    if build != "weak":
        return lab_verdict.of(test, part, "success")
    if said:
        return lab_verdict.of(test, part, "failure", "what the attack found is not the neighbour's secret", where=log,
                              expected=f"0x{nonce:016x}", got=f"0x{said[-1]}")
    return lab_verdict.of(test, part, "failure", "the attack found nothing", where=log)


def judge_clean(test, part, outcome, found, why, log):
    """The verdict on how an attack that has succeeded leaves the machine: all counts must be right when it is over."""
    if not found:
        return lab_verdict.of(test, part, "failure", "counts only once the attack has found the neighbour's secret", where=log)
    if re.search(r'^\[trivisor\] @machine \{"ok":true,', outcome.log, re.M):
        return lab_verdict.of(test, part, "success")
    what = re.search(r'^\[trivisor\] @violation \{"what":"(.*)"\}', outcome.log, re.M)
    kind, sentence = ("failure", lab_verdict.printable(what.group(1), 200)) if what else why
    return lab_verdict.of(test, part, "failure" if kind == "crash" else kind,
                          f"the attack does not clean up what it has written: {sentence}", where=log)


def only_with(lab, verdicts):
    """The verdicts, where those that count only with another that is good count for nothing without it."""
    earned = {verdict.test for verdict in verdicts if verdict.outcome == "success"}
    result = []
    for verdict in verdicts:
        test = next(one for one in lab.tests if one.part == "boot" and one.name == verdict.test)
        other = lab.data["boot"][test.run].get("only_with")
        if other and other not in earned and verdict.outcome == "success":
            verdict = lab_verdict.of(test, verdict.part, "failure", f"counts only once `{other}` is ok: until then there is no attack")
        result.append(verdict)
    return result
