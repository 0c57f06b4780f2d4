"""Running what a stranger wrote: without network, with limits, and so that nothing of it is left behind.

Three ways, the best that the machine lets us have:
    bwrap   namespaces of its own by bubblewrap: it sees /usr and what it is given, and no other process
    user    (as root, without namespaces) a user of its own that nobody else is, the files' rights being all that
            protects; the network is there
    none    (neither) the caller's own user: limits only

Whatever the way: limits on processor time, processes, memory, the size of files and of the output, and a limit of
wall-clock time for what slips through them all. All processes are gone when run() returns.
"""
import contextlib
import ctypes
import functools
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

LOOK = 0.2  # seconds between looks at memory and output
REMOVE_TRIES = 25
FIRST_UID, LAST_UID = 64100, 64999  # Debian gives these to nobody
PR_SET_CHILD_SUBREAPER = 36
PUBLIC = ("/tmp", "/var/tmp", "/dev/shm")  # where everybody may write
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8"}


@dataclass
class Limits:
    """What one run may use."""
    cpu: int = 300  # seconds of processor time of each process
    wall: int = 900  # seconds in all
    processes: int = 200
    memory: int = 2 << 30  # bytes that all of them hold at once
    file: int = 256 << 20  # bytes of a file
    scratch: int = 1 << 30  # bytes of all files (bwrap: they are memory)
    output: int = 4 << 20  # bytes of stdout and stderr; the rest is dropped


@dataclass
class Ended:
    """How a run ended."""
    status: int  # as subprocess has it; what it is after a limit was reached is of no meaning
    output: str
    limit: str  # "", or the sentence that says which limit it reached


def sentence(kind):
    """What a teacher should know about the way that was found."""
    return {"bwrap": "Each submission runs in namespaces of its own (bwrap): no network, no other files, limits.",
            "user": "WARNING: bwrap cannot make namespaces here. Each submission runs as a user of its own, with limits; "
                    "the network and world-readable files are within its reach.",
            "none": "WARNING: bwrap cannot make namespaces here, and this is not root. Submissions run as YOU, with limits "
                    "only: what you can read or delete, they can. Install bubblewrap, or run this in a virtual machine."}[kind]


def find():
    """The best way that works on this machine."""
    forced = os.environ.get("TRIVISOR_SANDBOX")
    if forced in ("user", "none"):
        return "user" if os.geteuid() == 0 else "none"
    if shutil.which("bwrap"):
        box = Sandbox("bwrap")
        try:
            if box.run(["true"], {}, Limits(wall=20)).status == 0:
                return "bwrap"
        finally:
            box.close()
    return "user" if os.geteuid() == 0 else "none"


def processes():
    """{pid: (parent, user, pages in memory)} of the whole machine."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                words = file.read().rpartition(")")[2].split()
            found[int(name)] = (int(words[1]), os.stat(f"/proc/{name}").st_uid, int(words[21]))
        except OSError:
            continue  # it has ended meanwhile
    return found


def below(top, table):
    """The processes below one, itself not included."""
    found, todo = set(), {top}
    while todo:
        todo = {pid for pid, (parent, _, _) in table.items() if parent in todo} - found
        found |= todo
    return found


taken = set()  # user ids of the sandboxes that there are
taking = threading.Lock()


def take_uid():
    """A user id that no process and no other sandbox has."""
    with taking:
        used = {uid for _, uid, _ in processes().values()} | taken
        uid = next(uid for uid in range(FIRST_UID, LAST_UID + 1) if uid not in used)
        taken.add(uid)
        return uid


def orphans_come_here():
    """A process whose parent has ended becomes this one's child, so that it can be found."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def owner(path):
    """A file's user, or None if it is gone meanwhile: others come and go where everybody may write."""
    try:
        return os.lstat(path).st_uid
    except OSError:
        return None


def remove(path):
    """A file or a whole directory. What dies may still write for a moment: so until it is gone, or OSError."""
    for _ in range(REMOVE_TRIES):
        for where, folders, _ in os.walk(path):
            for name in folders:
                with contextlib.suppress(OSError):
                    if not os.path.islink(os.path.join(where, name)):
                        os.chmod(os.path.join(where, name), 0o700)
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.unlink(path)
        if not os.path.lexists(path):
            return
        time.sleep(LOOK)
    raise OSError(f"{path} cannot be removed")


def bytes_in(folder):
    """Of all files in it."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
            except OSError:
                continue
    return total


def namespaces(readable, *more):
    """bwrap and its words: no network, no process but its own, /usr and its like, and {path: what it is called}."""
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev", *more]
    for path in SYSTEM:
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            words += ["--ro-bind", path, path]
    for path, name in readable.items():
        words += ["--ro-bind", path, name]
    return words


@functools.lru_cache(maxsize=None)
def can_nest():
    """Whether a program of a student's can have namespaces of its own, perhaps within a sandbox. Root's limits on
    processes are not kept, and root's files are not for the user that it would have to be."""
    if os.geteuid() == 0 or not shutil.which("bwrap"):
        return False
    return subprocess.run(alone(["true"], []), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def alone(words, readable, processes_most=30):
    """A command's words so that it sees nothing but the system and these files, and writes only to a /tmp of its own."""
    inside = ["--size", str(64 << 20), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    return [*namespaces({path: path for path in readable}, *inside), "prlimit", f"--nproc={processes_most}", "--", *words]


class Sandbox:
    """One place to run commands in; `scratch` is a directory of its own, empty at first."""

    def __init__(self, kind=None):
        self.kind = kind or find()
        self.uid = take_uid() if os.geteuid() == 0 else os.geteuid()
        self.scratch = tempfile.mkdtemp(prefix="trivisor-")
        self.give(self.scratch)
        if self.kind != "bwrap":
            orphans_come_here()

    def give(self, path):
        """Makes a directory and all that is in it the sandbox's."""
        os.chmod(path, 0o700)
        if os.geteuid() == 0:
            for where, folders, names in os.walk(path):
                for name in folders + names:
                    os.lchown(os.path.join(where, name), self.uid, self.uid)
            os.chown(path, self.uid, self.uid)

    def close(self):
        """Nothing is left, not even what its owner has made unreadable."""
        if self.kind != "bwrap":
            self.kill_all()
        for path in [self.scratch, *self.elsewhere()]:
            remove(path)
        taken.discard(self.uid)

    def elsewhere(self):
        """What a user of its own has left where everybody may write."""
        if self.kind != "user":
            return []
        names = (os.path.join(place, name) for place in PUBLIC if os.path.isdir(place) for name in os.listdir(place))
        return [path for path in names if path != self.scratch and owner(path) == self.uid]

    def place(self, path):
        """What a path below scratch is called within."""
        return path.replace(self.scratch, "/scratch", 1) if self.kind == "bwrap" else path

    def command(self, words, readable, limits):
        """The words that run it; readable: {path: what it is called within (bwrap only)}."""
        as_user = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "--no-new-privs"]
        # SIGXCPU first, then SIGKILL; and should memory run out, let it be this one's fault.
        drop = ["prlimit", f"--cpu={limits.cpu}:{limits.cpu + 2}", f"--fsize={limits.file}", "--core=0", "--",
                "choom", "-n", "1000", "--", *(as_user if os.geteuid() == 0 else [])]
        # Within the namespace, where only its own processes are counted.
        limited = ["prlimit", f"--nproc={limits.processes}", "--"]
        if self.kind != "bwrap":
            if os.geteuid() != 0:
                mine = sum(1 for _, uid, _ in processes().values() if uid == self.uid)
                limited[1] = f"--nproc={limits.processes + 20 * mine}"  # threads count, too
            return [*drop, *limited, *words]
        own = ["--size", str(limits.scratch), "--tmpfs", "/tmp", "--bind", self.scratch, "/scratch", "--chdir", "/scratch",
               "--hostname", "sandbox"]
        return [*drop, *namespaces(readable, *own), *limited, *words]

    def run(self, words, readable, limits, environment=None):
        """Runs a command in scratch."""
        env = {**ENVIRONMENT, **(environment or {})}
        if self.kind != "bwrap":
            env["TMPDIR"] = env["HOME"] = self.scratch
        # pylint: disable=consider-using-with
        child = subprocess.Popen(self.command(words, readable, limits), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, cwd=self.scratch,
                                 start_new_session=True)
        reader = Reader(child.stdout, limits.output)
        limit = self.watch(child, limits)
        self.end(child)
        return Ended(child.returncode, reader.text(), limit)

    def watch(self, child, limits):
        """Waits for its end, or a limit; which one."""
        start, looks = time.monotonic(), 0
        while True:
            try:
                child.wait(LOOK)
                return "" if child.returncode not in (-signal.SIGXCPU, 128 + signal.SIGXCPU) else \
                    f"it used more than {limits.cpu} s of processor time"
            except subprocess.TimeoutExpired:
                pass
            looks += 1
            table = processes()
            held = sum(table[pid][2] for pid in below(child.pid, table) | {child.pid} if pid in table)
            if held * resource.getpagesize() > limits.memory:
                return f"it used more than {limits.memory >> 20} MiB of memory"
            if looks % 10 == 0 and bytes_in(self.scratch) > limits.scratch:
                return f"it wrote more than {limits.scratch >> 20} MiB of files"
            if time.monotonic() - start > limits.wall:
                return f"it did not end within {limits.wall} s"

    def end(self, child):
        """Ends it and whatever it began. (Under bwrap all dies with the first process.)"""
        if child.poll() is None:
            child.kill()
        if self.kind != "bwrap":
            self.kill_all()
        child.wait()

    def kill_all(self):
        """Without namespaces: everything of the sandbox's user, or everything below this process, until nothing
        new appears. Stopped first, so that none is born while others are killed."""
        for _ in range(100):
            table = processes()
            if os.geteuid() == 0:
                found = {pid for pid, (_, uid, _) in table.items() if uid == self.uid}
            else:
                found = below(os.getpid(), table)
            if not found:
                return
            for what in (signal.SIGSTOP, signal.SIGKILL):
                for pid in found:
                    try:
                        os.kill(pid, what)
                    except ProcessLookupError:
                        pass
            for pid in found:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass
            time.sleep(0.01)


class Reader(threading.Thread):
    """Reads a stream to its end, keeping the beginning."""

    def __init__(self, stream, most):
        super().__init__(daemon=True)
        self.stream, self.most, self.kept = stream, most, b""
        self.dropped = False
        self.start()

    def run(self):
        while True:
            part = self.stream.read1(1 << 16)
            if not part:
                return
            self.dropped |= len(self.kept) + len(part) > self.most
            self.kept += part[:self.most - len(self.kept)]

    def text(self):
        """All that was kept; somebody who still holds the other end does not keep us waiting."""
        self.join(5)
        tail = f"\n[output longer than {self.most >> 10} KiB was dropped]\n" if self.dropped else ""
        return self.kept.decode("utf-8", "replace") + tail


if __name__ == "__main__":
    print(sentence(find()))
    sys.exit(0)
