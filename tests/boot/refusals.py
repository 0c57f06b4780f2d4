"""What the tools refuse, and in which words: unknown names, emulators that cannot, KVM that is not
there. KVM's device is never opened: what is looked at is whether it exists and may be opened."""
import os
import subprocess
import sys
from unittest import mock

from lib import columns, qemu
from lib.usage import Mistake
from result import Result

COMMANDS = [
    (["boot.py", "--mode", "emt"], "MODE=emt is unknown: choose from native, shadow, ept, pv, xen-pv, xen-pvh."),
    (["boot.py", "--guest", "nobody"], "GUEST=nobody is unknown: choose from "),
    (["boot.py", "--emu", "vmware"], "EMU=vmware is unknown: choose from bochs, qemu, kvm."),
    (["boot.py", "--mode", "ept", "--emu", "qemu"], "MODE=ept needs VT-x, which QEMU does not emulate: use EMU=bochs."),
    (["boot.py", "--mode", "shadow", "--emu", "qemu"], "MODE=shadow needs VT-x, which QEMU does not emulate"),
    (["boot.py", "--kernel", "build/nothing"], "KERNEL=build/nothing is not there."),
    (["boot.py", "--kernel", "README.md"],
     "KERNEL=README.md is neither a PVH ELF, nor a Multiboot kernel, nor a Linux bzImage."),
    (["boot.py", "--kernel", "/dev/null"], "KERNEL=/dev/null is not there."),
    (["boot.py", "--mode", "xen-pv", "--kernel", "README.md"], "MODE=xen-pv is unknown: choose from native, shadow"),
    (["boot.py", "--mode", "pv", "--kernel", "build/guests/multiboot1.elf"],
     "KERNEL=build/guests/multiboot1.elf is a Multiboot kernel: MODE=pv starts an ELF with Xen's PV notes, or "),
    (["boot.py", "--mode", "pv", "--kernel", "build/guests/bzimage"],
     "KERNEL=build/guests/bzimage: this bzImage has no packed kernel in it."),
    (["boot.py", "--mode", "native", "--emu", "qemu", "--kernel", "build/guests/multiboot1.elf", "--mem", "x"],
     "MEM=x is no size: 128M, or another number with K, M or G."),
    (["boot.py", "--kernel", "build/guests/bzimage", "--mem", "99999999999G"], "MEM=99999999999G is too much: at most 3072M"),
    (["linux.py", "--mem", "lots"], "MEM=lots is no size"),
    (["boot.py", "--kernel", "build/guests/bzimage", "--initrd", "build/none"], "INITRD=build/none is not there."),
    (["boot.py", "--kernel", "build/guests/bzimage", "--initrd", "README.md LICENSE"],
     "INITRD=README.md LICENSE: a Linux bzImage takes one RAM disk."),
    (["boot.py", "--kernel", "build/guests/multiboot1.elf", "--initrd", "README.md docs/../README.md"],
     "KERNEL and INITRD: two of multiboot1.elf README.md README.md have one name."),
    (["boot.py", "--kernel", "build/guests/bzimage", "--cmdline", "a 'b c'"], "CMDLINE: quotes, backslashes and "),
    (["boot.py", "--kernel", "build/guests/bzimage", "--cmdline", "x" * 512], "CMDLINE has 512 bytes: at most 511."),
    (["boot.py", "--cmdline", "x"], "INITRD= and CMDLINE= go with KERNEL=; a guest of the set takes ARGS=."),
    (["debug.py", "--emu", "dump", "--mode", "native", "--at", "x"], "MODE=native: EMU=dump stops in the hypervisor"),
    (["debug.py", "--emu", "dump"], "EMU=dump wants to know where to stop: AT="),
    (["debug.py", "--emu", "dump", "--at", "paging_fault", "--times", "0"], "TIMES=0 is no number from 1 to"),
    (["debug.py", "--emu", "vmware"], "EMU=vmware is unknown: choose from bochs, qemu, dump."),
    (["trace.py", "--mode", "native"], "MODE=native is unknown: choose from shadow, ept, pv."),
    (["trace.py", "--kinds", "exits,faulst"], "KINDS=exits,faulst: `faulst` is unknown: choose all, or some of exits, "),
    (["trace.py", "--scope", "region"], "IN=region is unknown: choose from life, regions, calls."),
    (["trace.py", "--kib", "3"], "KIB=3: 4 to 131072."),
    (["trace.py", "--kib", "many"], "KIB=many is no number."),
    (["trace.py", "--mode", "ept", "--emu", "qemu"], "MODE=ept needs VT-x, which QEMU does not emulate"),
    (["trace_diff.py", "--a", "ept", "--b", "ept"], "A=ept B=ept: two modes that differ."),
    (["trace_diff.py", "--b", "native"], "MODE=native is unknown: choose from shadow, ept, pv."),
    (["trace_diff.py", "--guest", "nobody"], "GUEST=nobody is unknown: choose from "),
    (["run.py", "--modes", "native nested"], "MODE=nested is unknown: choose from "),
    (["run.py", "--guests", "hello nobody"], "GUEST=nobody is unknown: choose from "),
]


def commands():
    """The commands' refusals: one sentence, no traceback, exit status 2."""
    for words, sentence in COMMANDS:
        done = subprocess.run([sys.executable, "-B", f"tools/{words[0]}", *words[1:]], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        said = done.stderr.strip()
        good = done.returncode == 2 and said.startswith(sentence) and "\n" not in said
        yield f"tools/{' '.join(words)}", good, f"status {done.returncode}, {said!r}"


def kvm(column, exists, allowed, nested):
    """What qemu.check_kvm says on a machine so described; "" if it agrees."""
    real_open = open

    def fake_open(path, *rest, **more):
        if path != "/sys/module/kvm_intel/parameters/nested":
            return real_open(path, *rest, **more)
        if nested is None:
            raise FileNotFoundError(path)
        return mock.mock_open(read_data=nested)()
    with mock.patch.object(os.path, "exists", return_value=exists), \
            mock.patch.object(os, "access", return_value=allowed), mock.patch("builtins.open", fake_open):
        try:
            qemu.check(columns.ALL[column], "kvm")
        except Mistake as mistake:
            return str(mistake)
    return ""


KVM = [
    (("native", False, False, None), "EMU=kvm needs /dev/kvm, which this machine does not have"),
    (("native", True, False, None), "EMU=kvm needs the right to open /dev/kvm"),
    (("ept", True, True, None), "MODE=ept under KVM needs nested VT-x"),
    (("shadow", True, True, "N\n"), "MODE=shadow under KVM needs nested VT-x"),
    (("ept", True, True, "Y\n"), ""),
    (("native", True, True, None), ""),
]


def kvm_refusals():
    """KVM's refusals."""
    for machine, sentence in KVM:
        said = kvm(*machine)
        yield f"EMU=kvm on {machine}", said.startswith(sentence) and bool(said) == bool(sentence), repr(said)


def run(_jobs):
    """All of them."""
    for part in (commands, kvm_refusals):
        for name, good, said in part():
            print(f"{'ok' if good else 'FAILED'}: {name}")
            yield Result(1) if good else Result(0, [f"{name}: {said}"])
