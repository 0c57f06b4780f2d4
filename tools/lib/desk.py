"""The debugger's desk: Bochs' debugger behind a prompt of our own, which knows the names of hypervisor
and guest, shows what comes on the console, and has commands for what Bochs cannot see: the VMCS, the
name of an exit, a walk through the tables of both. Everything else goes to Bochs as it is typed.

The hypervisor's debug build answers: the desk writes a request into its memory (src/cpu/vmx/desk.c),
lets the machine run, and at the next exit the answer is on the console and the machine stands still.
"""
import os
import re
import select
import signal
import subprocess
import sys

from lib import bochs

IMAGE_BASE = 0xffff828000000000  # src/include/layout.h
PROMPT = re.compile(rb"<bochs:\d+> ?$")
# src/include/desk.h
EXIT, CONTROLS, INFORMATION, GUEST, HOST, WALK, STATE, RECENT = (1 << bit for bit in range(8))
GROUPS = {"control": CONTROLS, "exit": INFORMATION, "guest": GUEST, "host": HOST,
          "all": CONTROLS | INFORMATION | GUEST | HOST}
SCRIPTS = "tools/debug"


def symbols(elf):
    """{function: address} of an ELF."""
    listing = subprocess.run(["nm", elf], stdout=subprocess.PIPE, text=True, check=True).stdout
    words = [line.split() for line in listing.splitlines()]
    return {name: int(address, 16) for address, kind, name in (w for w in words if len(w) == 3)}


def functions(elf, path):
    """Writes an ELF's functions as Bochs' `ldsym` reads them."""
    listing = subprocess.run(["nm", elf], stdout=subprocess.PIPE, text=True, check=True).stdout
    words = [line.split() for line in listing.splitlines()]
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"{w[0]} {w[2]}\n" for w in words if len(w) == 3 and w[1] in "tTwW")


class Unknown(Exception):
    """A command that cannot be carried out; the text says why."""


class Desk:
    """One session. `out` gets everything that a person should see."""

    def __init__(self, boot, elfs, out=sys.stdout):
        self.boot, self.out = boot, out
        self.seen = 0  # bytes of the console that have been shown
        self.stopped_early = False  # the last command of Bochs' ended at a breakpoint
        self.names = {}
        rc = ""
        for number, elf in enumerate(elfs):
            self.names.update(symbols(elf))
            functions(elf, os.path.join(boot.folder, f"symbols{number}"))
            rc += f'ldsym global "symbols{number}"\n'
        for name, text in (("rc", rc), ("com1.txt", "")):
            with open(os.path.join(boot.folder, name), "w", encoding="ascii") as file:
                file.write(text)
        with open(os.path.join(boot.folder, "bochs.err"), "wb") as errors:
            # In a group of its own: Ctrl-C comes to us, and we hand it on.
            self.process = subprocess.Popen(["bochs", "-q", "-f", "bochsrc", "-rc", "rc"], cwd=boot.folder,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                            start_new_session=True)
        self.until_prompt()  # Bochs' greeting is of no use

    def write(self, text):
        """To the person."""
        self.out.write(text)
        self.out.flush()

    def console(self):
        """What has come on the console since it was last asked for."""
        with open(os.path.join(self.boot.folder, "com1.txt"), "rb") as file:
            file.seek(self.seen)
            more = file.read()
        self.seen += len(more)
        self.write(more.decode(errors="replace").replace("\r", ""))

    def until_prompt(self):
        """Reads what Bochs says until it asks for a command. None: it has ended."""
        text = b""
        stdout = self.process.stdout.fileno()
        while not PROMPT.search(text):
            try:
                ready = select.select([stdout], [], [], 0.2)[0]
                self.console()
                more = os.read(stdout, 65536) if ready else None
                if more == b"":
                    return None
                text += more or b""
            except KeyboardInterrupt:
                self.process.send_signal(signal.SIGINT)
        self.console()
        return PROMPT.sub(b"", text).decode(errors="replace")

    def bochs(self, command, show=True):
        """One command of Bochs' own. False: Bochs has ended. A stop at a breakpoint is always told."""
        try:
            self.process.stdin.write(command.encode() + b"\n")
            self.process.stdin.flush()
            answer = self.until_prompt()
        except BrokenPipeError:
            answer = None
        if answer is None:
            self.console()
            self.write("The machine has stopped.\n")
            return False
        answer = answer.removeprefix(command + "\n")  # without a terminal Bochs repeats it
        at_breakpoint = "Breakpoint" in answer and "lb " not in command
        if (show or at_breakpoint) and answer.strip():
            self.write(answer.rstrip() + "\n")
        self.stopped_early = at_breakpoint
        return True

    def address(self, word):
        """A number, or the address of a name."""
        if word in self.names:
            return self.names[word]
        try:
            return int(word, 16 if not word.startswith("0x") else 0)
        except ValueError:
            raise Unknown(f"{word} is neither a number nor a name of the hypervisor's or the guest's.") from None

    def store(self, name, value, size):
        """Writes a variable of the hypervisor's: `size` bytes, 4 at a time."""
        machine = self.names[name] - IMAGE_BASE
        for at in range(0, size, 4):
            if not self.bochs(f"setpmem {machine + at:#x} 4 {value >> 8 * at & 0xffffffff:#x}", show=False):
                return False
        return True

    def ask(self, request):
        """Has the hypervisor print something at the next exit."""
        if "desk_request" not in self.names or not self.boot.column.vtx:
            raise Unknown("Only the debug build of the hypervisor under VT-x (shadow, ept) answers this.")
        if not self.store("desk_request", request, 4) or not self.bochs("c", show=False):
            return False
        if self.stopped_early:
            self.write("A breakpoint came first. The answer comes with the next exit: `c`.\n")
        return True

    def walk(self, words):
        """walk ADDRESS"""
        if len(words) != 1:
            raise Unknown("walk ADDRESS")
        address = self.address(words[0])
        if not self.boot.column.vtx:
            return self.bochs(f"page {address:#x}")
        if "desk_address" not in self.names:
            return self.ask(WALK)
        return self.store("desk_address", address, 8) and self.ask(WALK)

    def vmcs(self, words):
        """vmcs [control|exit|guest|host|all]"""
        group = words[0] if words else "guest"
        if group not in GROUPS:
            raise Unknown(f"vmcs {'|'.join(GROUPS)}")
        return self.ask(GROUPS[group])

    def exits(self, words):
        """exit [HOW MANY]"""
        count = int(words[0]) if words and words[0].isdigit() else 1
        return all(self.ask(EXIT) for _ in range(count))

    def stop_at(self, words):
        """break NAME or ADDRESS"""
        if len(words) != 1:
            raise Unknown("break NAME")
        return self.bochs(f"lb {self.address(words[0]):#x}", show=False)

    def source(self, words):
        """source SCRIPT: commands from tools/debug/SCRIPT.desk, or a file"""
        if len(words) != 1:
            raise Unknown("source SCRIPT")
        path = words[0] if os.path.exists(words[0]) else os.path.join(SCRIPTS, words[0] + ".desk")
        if not os.path.exists(path):
            raise Unknown(f"{path} is not there.")
        with open(path, encoding="utf-8") as file:
            for line in file:
                line = line.split("#")[0].strip()
                if line:
                    self.write(f"(desk) {line}\n")
                    if not self.command(line):
                        return False
        return True

    def help(self, _words):
        """help"""
        with open("tools/debug-help.txt", encoding="utf-8") as file:
            self.write(file.read())
        return True

    def command(self, line):
        """One command of either kind. False: the session is over."""
        own = {"exit": self.exits, "vmcs": self.vmcs, "walk": self.walk, "break": self.stop_at, "source": self.source,
               "state": lambda words: self.ask(STATE), "recent": lambda words: self.ask(RECENT), "desk": self.help,
               "help": self.help}
        words = line.split()
        if not words:
            return True
        if words[0] in own and not (words[0] == "help" and len(words) > 1):
            try:
                return own[words[0]](words[1:])
            except Unknown as why:
                self.write(f"{why}\n")
                return True
        return self.bochs(line)

    def end(self):
        """Ends Bochs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def session(boot, elfs, lines, out=sys.stdout, greet=True):
    """Runs the commands of an iterable against the machine, which stands at the hypervisor's first C
    function at the start. Returns 0."""
    desk = Desk(boot, elfs, out)
    try:
        if "core_main" in desk.names:
            desk.write("The machine starts ...\n")
            desk.bochs(f"lb {desk.names['core_main']:#x}", show=False)
            desk.bochs("c", show=False)
            desk.bochs("d 1", show=False)
            desk.write("... and stands at core_main.\n")
        if greet:
            desk.help([])
            desk.write(f"The console is shown here, and kept in {boot.folder}/com1.txt (`tail -f` in another window).\n\n")
        for line in lines:
            if not desk.command(line.strip()):
                break
    finally:
        desk.end()
    return 0


def typed(out=sys.stdout):
    """What is typed, or comes from a file or pipe, line by line."""
    try:
        import readline  # noqa: F401  pylint: disable=unused-import,import-outside-toplevel
    except ImportError:
        pass
    while True:
        try:
            line = input("(desk) ")
        except KeyboardInterrupt:
            out.write("\n")
            continue
        except EOFError:
            out.write("\n")
            return
        if not sys.stdin.isatty():
            out.write(line + "\n")
        if line.strip() in ("q", "quit"):
            return
        yield line


def in_bochs(boot, elfs, image):
    """`make debug`: the session of a person."""
    bochs.configure(boot, image)
    return session(boot, elfs, typed())
