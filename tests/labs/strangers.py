"""What strangers send: archives that want to be written elsewhere or never to end, and programs that want the
machine for themselves. Each is refused or ended with a sentence, and nothing of it is left."""
import gzip
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest

import cases
from lib import sandbox, unpack

WANTED = ["src/core/walk.c", "labs/walk/answers.txt"]
MEMBER = "lab-walk/src/core/walk.c"


def archive(path, members, mode="w:gz"):
    """Writes an archive; a member is (name, bytes) or (name, type, target)."""
    with tarfile.open(path, mode) as file:
        for name, *what in members:
            info = tarfile.TarInfo(name)
            if len(what) == 2:
                info.type, info.linkname = what
                file.addfile(info)
            else:
                info.size = len(what[0])
                file.addfile(info, io.BytesIO(what[0]))
    return path


def command_line(pid):
    """What a process was started as, or nothing if it has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


class Archives(unittest.TestCase):
    """unpack.take."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "anna.tar.gz")

    def refused(self, *words):
        """It is refused with these words."""
        with self.assertRaises(unpack.Refused) as caught:
            unpack.take(self.path, WANTED)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_good(self):
        """What is wanted, and nothing else; packed in any of the usual ways."""
        for mode in ("w:gz", "w:xz", "w"):
            archive(self.path, [(MEMBER, b"int a;"), ("lab-walk/Makefile", b"all: ; false")], mode)
            self.assertEqual(unpack.take(self.path, WANTED), {"src/core/walk.c": b"int a;"})
        archive(self.path, [("./src/core/walk.c", b"int a;")])
        self.assertEqual(unpack.take(self.path, WANTED), {"src/core/walk.c": b"int a;"})

    def test_names(self):
        """No name leads out of the archive, wanted or not."""
        for name in ("/src/core/walk.c", "lab/../../src/core/walk.c", "../../../etc/passwd", "lab\\..\\x"):
            archive(self.path, [(name, b"x")])
            self.refused("leads out of it")

    def test_links(self):
        """A wanted file is a file."""
        for what in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            archive(self.path, [(MEMBER, what, "/etc/shadow")])
            self.refused("src/core/walk.c", "a link to '/etc/shadow'")
        for what in (tarfile.FIFOTYPE, tarfile.CHRTYPE):
            archive(self.path, [(MEMBER, what, "")])
            self.refused("no ordinary file")

    def test_twice(self):
        """Which one would it be?"""
        archive(self.path, [(MEMBER, b"1"), (MEMBER, b"2")])
        self.refused("twice")

    def test_no_archive(self):
        """Empty, noise, text, cut off."""
        whole = open(archive(self.path, [(MEMBER, b"int a;")]), "rb").read()
        for content, word in ((b"", "empty"), (os.urandom(4000), "no archive"), (b"hello\n" * 500, "no archive"),
                              (whole[:len(whole) // 2], "ends in the middle"), (whole[:10], "ends in the middle")):
            with open(self.path, "wb") as file:
                file.write(content)
            self.refused(word)

    def test_gigantic(self):
        """As it is, as it unpacks, one file of it, in number, in its headers."""
        with open(self.path, "wb") as file:
            file.truncate(unpack.MOST_ARCHIVE + 1)
        self.refused("larger than 8 MiB")
        info = tarfile.TarInfo("lab-walk/junk")
        info.size = 1 << 40
        with gzip.open(self.path, "wb", 1) as file:
            file.write(info.tobuf())
            for _ in range(80):
                file.write(bytes(1 << 20))
        self.refused("unpacks to more than 64 MiB")
        archive(self.path, [(MEMBER, bytes(unpack.MOST_FILE + 1))])
        self.refused("larger than 1024 KiB")
        archive(self.path, [(f"lab-walk/{i}", b"") for i in range(unpack.MOST_MEMBERS + 1)])
        self.refused("members")
        with tarfile.open(self.path, "w:gz", format=tarfile.PAX_FORMAT) as file:
            info = tarfile.TarInfo(MEMBER)
            info.pax_headers = {"comment": "x" * (unpack.MOST_UNPACKED + 1)}
            file.addfile(info)
        self.refused("unpacks to more than 64 MiB")

    def test_folder(self):
        """A folder in place of an archive: no link is followed, neither a file's nor a folder's."""
        top = self.folder.name
        os.makedirs(f"{top}/tree/labs/walk")
        with open(f"{top}/tree/labs/walk/answers.txt", "w", encoding="ascii") as file:
            file.write("1")
        self.assertEqual(unpack.take_folder(f"{top}/tree", WANTED), {"labs/walk/answers.txt": b"1"})
        os.symlink("/etc", f"{top}/tree/src")
        with self.assertRaises(unpack.Refused):
            unpack.take_folder(f"{top}/tree", ["src/passwd"])


SMALL = {"cpu": 2, "wall": 90, "processes": 40, "memory": 200 << 20, "file": 1 << 20, "scratch": 20 << 20,
         "output": 1000}


class Sandboxes(unittest.TestCase):
    """sandbox.Sandbox, by the best way that this machine has, and without namespaces."""

    def run_in(self, kind, script, **limits):
        """A shell script in a sandbox of this kind, which leaves nothing behind."""
        box = sandbox.Sandbox(kind)
        try:
            return box.run(["sh", "-c", script], {}, sandbox.Limits(**{**SMALL, **limits}))
        finally:
            box.close()
            self.assertFalse(os.path.exists(box.scratch))

    def kinds(self):
        """Each kind that this machine has."""
        best = sandbox.find()
        return [best] if os.geteuid() or best == "user" else [best, "user"]

    def test_limits(self):
        """Each limit ends the run with its sentence."""
        cases = (("while :; do :; done", {}, "processor time"), ("sleep 100", {"wall": 1}, "did not end within 1 s"),
                 ("python3 -c 'a=[]\nwhile True: a.append(bytearray(1 << 20))'", {}, "memory"),
                 ("i=0; while :; do head -c 1000000 /dev/zero >f$i; i=$((i+1)); done", {"cpu": 60}, "MiB of files"))
        for kind in self.kinds():
            for script, limits, word in cases:
                with self.subTest(kind=kind, script=script):
                    self.assertIn(word, self.run_in(kind, script, **limits).limit)

    def test_forks(self):
        """Forking without end ends at the limit, and the rest of the machine does not notice."""
        for kind in self.kinds():
            with self.subTest(kind=kind):
                ended = self.run_in(kind, "f() { f | f & }; f; sleep 1; exit 0")
                self.assertRegex(ended.output, "(?i)cannot fork|resource temporarily|dropped")
                self.assertEqual(subprocess.run(["true"], check=False).returncode, 0)

    def test_nothing_left(self):
        """A process that leaves its session and its parent ends too."""
        for kind in self.kinds():
            with self.subTest(kind=kind):
                mark = f"60.0{os.getpid()}"
                ended = self.run_in(kind, f"setsid sh -c 'sleep {mark} & sleep {mark}' & sleep 0.2; echo begun")
                self.assertEqual(ended.output, "begun\n")
                self.assertFalse(any(mark.encode() in command_line(pid) for pid in sandbox.processes()))

    def test_output(self):
        """A flood is cut, a large file not written."""
        for kind in self.kinds():
            with self.subTest(kind=kind):
                ended = self.run_in(kind, "yes | head -c 20000000; exit 3")
                self.assertEqual(ended.status, 3)
                self.assertLess(len(ended.output), 1100)
                self.assertIn("dropped", ended.output)
                self.assertNotIn("done", self.run_in(kind, "head -c 9000000 /dev/zero >f && echo done").output)

    def test_files(self):
        """It may write to its own directory and nowhere else; what it locks up is removed all the same."""
        with tempfile.TemporaryDirectory() as folder:
            canary = f"{folder}/canary"
            with open(canary, "w", encoding="ascii") as file:
                file.write("alive\n")
            for kind in self.kinds():
                with self.subTest(kind=kind):
                    ended = self.run_in(kind, f"mkdir -p a/b; touch a/b/c && echo mine; chmod 0 a/b a; echo x >>{canary}; "
                                              f"rm -f {canary}; echo end")
                    self.assertIn("mine", ended.output)
                    self.assertIn("end", ended.output)
                    if kind != "none":
                        with open(canary, encoding="ascii") as file:
                            self.assertEqual(file.read(), "alive\n")

    @unittest.skipIf(os.geteuid(), "only root has users to spare")
    def test_neighbours(self):
        """Others' files vanish from /tmp while a sandbox looks for its own there."""
        box = sandbox.Sandbox("user")
        mine = tempfile.mkdtemp()
        os.chown(mine, box.uid, box.uid)
        passing = "import os, tempfile\nwhile True: os.rmdir(tempfile.mkdtemp())"
        with subprocess.Popen([sys.executable, "-c", passing]) as neighbour:
            try:
                found = [box.elsewhere() for _ in range(1000)]
            finally:
                neighbour.kill()
        box.close()
        self.assertTrue(all(paths == [mine] for paths in found))
        self.assertFalse(any(os.path.lexists(path) for path in (mine, box.scratch)))

    def test_alone(self):
        """In namespaces: no network, no other process, no other user's files."""
        if sandbox.find() != "bwrap":
            self.skipTest("no namespaces on this machine")
        ended = self.run_in("bwrap", "grep -c : /proc/net/dev; ls /proc | grep -c '^[0-9]'; ls /root /home /srv 2>&1")
        lines = ended.output.split("\n")
        self.assertEqual(lines[0], "1")
        self.assertLess(int(lines[1]), 10)
        self.assertTrue(all("No such file" in line for line in lines[2:] if line), lines)


def run(_jobs):
    """All of them, as a part of `make test`."""
    yield from cases.results("strangers", [Archives, Sandboxes])
