"""Several domains at once, in slices so short that each is interrupted thousands of times: every one must
end green, its answers right. What a switch of vcpus forgets (FPU state, debug registers, the MSRs of
SYSCALL, page tables) shows as a wrong answer or a crash."""
import concurrent.futures
import os

from lib import bochs, columns, console, guests, image
from lib.boot import Boot
from result import Result

OPTIONS = "domains=together slice=300"
BUDGET = 6_000_000_000
# (guest, the domain's name, its arguments)
DOMAINS = [("compute", "compute1", "seed=1"), ("syscall", "syscall", ""), ("fault", "fault", ""),
           ("compute", "compute2", "seed=7"), ("switch", "switch", ""), ("pagetable", "pagetable", ""),
           ("forkexit", "forkexit", "")]


def boot_together(column):
    """Boots DOMAINS in one mode; the Result has one for each domain and one for the machine."""
    guest = guests.Guest("together", "", BUDGET, "", "", "", False, False)
    boot = Boot(columns.ALL[column], guest, "debug")
    os.makedirs(boot.folder, exist_ok=True)
    files = {"trivisor.elf": boot.column.kernel("debug")}
    lines = [f"multiboot2 /boot/trivisor.elf {OPTIONS}"]
    for name, domain, arguments in DOMAINS:
        one = guests.load(name)
        files[f"{name}.elf"] = one.elf
        lines.append(f"module2 /boot/{name}.elf name={domain} mem={one.mem} -- {arguments}".rstrip())
    outcome = bochs.run(boot, image.write(boot.folder, lines, ["multiboot2"], files))
    parsed = console.parse(outcome.log)
    wrong = console.verdict(parsed, "trivisor")
    if outcome.why:
        wrong.append(f"ended by {outcome.why}")
    for _, domain, _ in DOMAINS:
        if f'[{domain}] @done {{' not in outcome.log:
            wrong.append(f"{domain} did not come to its end")
    if column == "pv" and '"pv_broken_off":{' not in outcome.log:
        wrong.append("no validation of page tables was broken off")
    print(f"{'FAILED' if wrong else 'green'}: {len(DOMAINS)} domains together, {column} ({outcome.seconds:.0f} s)", flush=True)
    if wrong:
        return Result(0, [f"together, {column}: {'; '.join(wrong[:6])} (see {boot.folder}/com1.txt)"])
    return Result(len(DOMAINS) + 1)


def run(jobs):
    """In every mode."""
    modes = [name for name in columns.available() if columns.ALL[name].under == "trivisor"]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(boot_together, modes)
