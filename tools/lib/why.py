"""Why a run failed, in words: what its console, Bochs' own log and its record say, put together."""
import glob
import json
import os
import re
import subprocess

from lib import bochs, columns, console, guests

OURS = r"^\[trivisor\] "


class Run:
    """What a run left in its folder."""

    def __init__(self, folder):
        self.folder = folder
        self.record = json.loads(self.read("record.json"))
        self.log = self.read("com1.txt").replace("\r", "")
        self.column = columns.ALL[self.record["column"]]
        self.parsed = console.parse(self.log)
        self.complaints = bochs.complaints(folder) if self.record["emulator"] == "bochs" else []

    def read(self, name):
        """A file's text, "" if it is not there."""
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8", errors="replace", newline="") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def find(self, pattern):
        """All matches in the console, a line each."""
        return list(re.finditer(pattern, self.log, re.M))

    def elfs(self):
        """What has symbols: the guest, and the hypervisor if it is ours."""
        ours = self.column.under == "trivisor"
        guest = self.guest_word()
        elf = guests.load(guest).elf if guest.startswith("labs/") else f"build/guests/{guest}.elf"
        return [elf] + ([self.column.kernel(self.record["build"])] if ours else [])

    def guest_word(self):
        """What GUEST= calls it: a lab's own guest by its folder."""
        name = self.record["guest"].rsplit("/", 1)[-1]
        folders = (os.path.dirname(path) for path in glob.glob("labs/*/*/main.c"))
        return next((folder for folder in folders if "-".join(folder.split("/")[1:]) == name), name)

    def place(self, address):
        """" in main, file.c:12" for an address, or ""."""
        for elf in self.elfs():
            if not os.path.exists(elf):
                continue
            done = subprocess.run(["addr2line", "-f", "-e", elf, f"{address:#x}"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, check=False).stdout.split()
            if len(done) >= 2 and done[0] != "??":
                where = os.path.relpath(done[1].split(":")[0]) + ":" + done[1].split(":")[1] if ":" in done[1] else ""
                return f" (in {done[0]}" + (f", {where})" if where and "?" not in where else ")")
        return ""

    def with_places(self, text):
        """The text, its `rip X` and `at X` with the function that is there."""
        return re.sub(r"\b((?:at )?rip|at) ([0-9a-f]{5,16})\b", lambda m: m.group(0) + self.place(int(m.group(2), 16)), text)


def missing(run):
    """A lab's hole has been reached."""
    return [f"The exercise {match.group(1)} is still to be done: the run came to its hole."
            for match in run.find(OURS + r'@lab \{"missing":"([^"]+)"')[:1]]


def refused(run):
    """The hypervisor could not start."""
    return ["The hypervisor did not start: " + match.group(1) for match in run.find(OURS + r"cannot start: (.*)")]


def panicked(run):
    """A bug in the hypervisor that it noticed itself."""
    for match in run.find(OURS + r"PANIC: (.*)"):
        words = [f"The hypervisor gave up: {match.group(1)}."]
        rip = run.find(OURS + r"  rip ([0-9a-f]{16})")
        if rip:
            words.append(f"It was at {rip[0].group(1)}{run.place(int(rip[0].group(1), 16))}.")
        running = run.find(OURS + r"running domain (.*)")
        if running:
            words.append(f"It was running {running[0].group(1)}.")
        return [" ".join(words) + " Registers, stack and walks are in the console, below PANIC."]
    return []


def field_writers(encoding):
    """Where the field is written: its name in vmcs.h, and the files of src/cpu/vmx that use it."""
    with open("src/cpu/vmx/vmcs.h", encoding="ascii") as file:
        names = re.findall(rf"^    (VMCS_\w+) = 0x0*{encoding.lstrip('0') or '0'},", file.read(), re.M)
    found = []
    for name in names:
        for path in sorted(glob.glob("src/cpu/vmx/*.c")):
            with open(path, encoding="utf-8") as file:
                found += [f"{path}:{number}" for number, line in enumerate(file, 1)
                          if "vmwrite" in line and name + "," in line]
    return f" {names[0]} is written in {', '.join(found)}." if found else ""


def entry_refused(run):
    """A VM entry that the processor refused."""
    broken = run.find(OURS + r'VM-entry check: (.*) \("(.*)"\)\.')
    if not run.find(OURS + r"The processor refused to enter"):
        return []
    words = ["The processor refused to enter the guest."]
    planted = run.find(OURS + r"VMCS: (.*)")
    words += [f"(The command line planted this: {match.group(1)})" for match in planted]
    for match in broken:
        encoding = re.search(r"field 0x([0-9a-f]+)", match.group(1))
        words.append(f'{match.group(1)}. The manual: "{match.group(2)}".' + field_writers(encoding.group(1)))
    if not broken:
        words.append("None of the manual's rules that are known here is broken.")
    return ["\n  ".join(words)]


def fallen(run):
    """A triple fault of the guest's, or what pv has for it."""
    text = run.find(OURS + r"(\S+) has fallen: triple fault")
    if not text:
        return []
    faults = run.find(OURS + r"  (#\w\w, error code.*|NMI, error.*|vector \d+, error.*|while .* was delivered: .*)")
    words = [f"{text[0].group(1)} brought itself down by a triple fault:"]
    words += [run.with_places(match.group(1)) for match in faults]
    first = faults[0].group(1) if faults else ""
    if first.startswith("#PF"):
        words.append("The first was a page fault that its handler could not take: is the stack mapped, is the handler?")
    elif faults:
        words.append("Look at the table of handlers (IDT), the segment and the stack that they name.")
    words.append("Walks, registers and the last exits are in the console, below `has fallen`.")
    return ["\n  ".join(words)]


def ended(run):
    """Domains that did not end as they should, and are not told already."""
    told = bool(fallen(run) or entry_refused(run))
    return [f"{life['domain']} was ended ({life['reason']}): {run.with_places(life['detail'])}."
            for speaker in run.parsed.speakers.values() for life in speaker.lives
            if not life["expected"] and life["detail"] and not told]


def violated(run):
    """Invariants."""
    return [f"An invariant of the hypervisor's did not hold: {fault.partition(': ')[2]}."
            for fault in run.parsed.faults if fault.startswith("violation")]


def source_of(run, what):
    """Where a guest makes this check."""
    for path in sorted(glob.glob(f"guests/{run.record['guest']}/*.c") + glob.glob("guests/kit/*.c")):
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if f'"{what}"' in line:
                    return f" ({path}:{number})"
    return ""


def checks(run):
    """What the guest itself found wrong."""
    found = [(name, check) for name, speaker in run.parsed.speakers.items() for check in speaker.checks]
    return [f"{name or 'The guest'} found: {check['what']}: expected {check.get('expected')}, got {check.get('got')}"
            + source_of(run, check["what"]) + "." for name, check in found[:6]]


def unfinished(run):
    """A missed budget: where did it stand?"""
    late = [failure for failure in run.record["failures"] if failure.startswith("not finished")]
    if not late:
        return []
    words = [f"It was {late[0]}."]
    stood = re.findall(r"^\(0\).*? \w{4}:([0-9a-f]{16}) ", run.read("bochs.out"), re.M)
    if stood:
        address = int(stood[-1], 16)
        words.append(f"When it was stopped it stood at {address:x}{run.place(address)}.")
    said = [line for line in run.log.splitlines() if line.strip()]
    words.append(f"Its last words: {said[-1]}" if said else "It had said nothing.")
    words.append("`make debug`, `c`, and Ctrl-C after a while shows where it goes round.")
    return [" ".join(words)]


def machine(run):
    """What Bochs says by itself."""
    if any("3rd (" in line for line in run.complaints):
        return ["The machine itself was brought down by a triple fault in the hypervisor: its own handlers could not run "
                "(CR3, IDT or stack are gone)."]
    return []


def explain(folder):
    """All of it, as text."""
    run = Run(folder)
    record = run.record
    reasons = [reason for find in (missing, refused, panicked, entry_refused, fallen, machine, ended, violated, checks, unfinished)
               for reason in find(run)]
    lines = [f"{record['guest']} in {record['column']}, {record['build']} build, "
             + ("was green." if record["ok"] else "failed."), ""]
    lines += [f"- {reason}" for reason in reasons or record["failures"] or ["Nothing is wrong."]]
    if run.complaints:
        lines += ["", "Bochs' own words:"] + [f"  {line}" for line in run.complaints]
    arguments = record["command_line"].partition(" -- ")[2].strip()
    guest = f"MODE={record['column']} GUEST={run.guest_word()}" + (f' ARGS="{arguments}"' if arguments else "")
    lines += ["", f"The console: {folder}/com1.txt", f"Bochs' log:  {folder}/bochs.log",
              f"At the desk: make debug {guest}"]
    return "\n".join(lines)
