"""Taking a few known files out of an archive that a stranger made. Nothing is ever written under a name that the
archive gives: its members are looked at one after another, and the bytes of those wanted are returned.

Refused with a sentence: what is no archive, one that is too large (as it is, or as it unpacks), names that are
absolute or have `..`, a wanted file that is a link or a device, is there twice, or is too large."""
import lzma
import os
import tarfile
import zlib

MOST_ARCHIVE = 8 << 20  # bytes of the archive as it is
MOST_UNPACKED = 64 << 20  # bytes of the stream in it
MOST_MEMBERS = 5000
MOST_FILE = 1 << 20  # bytes of one wanted file
ENDINGS = (".tar.gz", ".tgz", ".tar.xz", ".tar")


class Refused(Exception):
    """The text is the sentence for the student."""


class Counted:
    """A stream that refuses to go on for ever."""

    def __init__(self, stream):
        self.stream, self.left = stream, MOST_UNPACKED

    def read(self, size=-1):
        """At most what is left; one byte more is too many."""
        wanted = self.left + 1 if size < 0 else min(size, self.left + 1)
        part = self.stream.read(wanted)
        self.left -= len(part)
        if self.left < 0:
            raise Refused(f"the archive unpacks to more than {MOST_UNPACKED >> 20} MiB")
        return part


def is_archive(name):
    """By its name."""
    return name.endswith(ENDINGS)


def student(name):
    """Whose it is: the file's name without its ending."""
    return next((name[:-len(ending)] for ending in ENDINGS if name.endswith(ending)), name)


def check_name(name):
    """Names that lead out of the place where one would unpack it."""
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or "\0" in name:
        raise Refused(f"the archive has a member whose name leads out of it: {name[:80]!r}")


def stripped(name):
    """A member's name without a leading `./`."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def matching(name, wanted):
    """Which wanted file a member is: at the archive's top, or in the one folder that it is packed in."""
    name = stripped(name)
    if name in wanted:
        return name
    below = name.partition("/")[2]
    return below if below in wanted else None


def kind(member):
    """What a member is, if it is no ordinary file."""
    if member.issym() or member.islnk():
        return f"a link to {member.linkname[:80]!r}"
    return None if member.isreg() else "no ordinary file"


def read_tar(stream, wanted):
    """{name: bytes} of the wanted files in a tar stream."""
    found = {}
    with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as archive:
        for number, member in enumerate(archive):
            if number == MOST_MEMBERS:
                raise Refused(f"the archive has more than {MOST_MEMBERS} members")
            check_name(member.name)
            name = matching(member.name, wanted)
            if name is None or member.isdir():
                continue
            if kind(member):
                raise Refused(f"{name} is {kind(member)}")
            if name in found:
                raise Refused(f"{name} is in the archive twice")
            if member.size > MOST_FILE:
                raise Refused(f"{name} is larger than {MOST_FILE >> 10} KiB")
            found[name] = archive.extractfile(member).read()
    return found


def opened(path):
    """The stream in an archive: by its first bytes, whatever it is called."""
    # pylint: disable=consider-using-with
    file = open(path, "rb")
    head = file.read(6)
    file.seek(0)
    if head[:2] == b"\x1f\x8b":
        return Gunzip(file)
    if head == b"\xfd7zXZ\0":
        return lzma.LZMAFile(file)
    return file


class Gunzip:
    """gzip as a stream of bounded reads (one member, as `make handin` writes)."""

    def __init__(self, file):
        self.file, self.inflate = file, zlib.decompressobj(31)

    def read(self, size):
        """At most size bytes; fewer at the end."""
        out = b""
        while len(out) < size and not self.inflate.eof:
            data = self.inflate.unconsumed_tail or self.file.read(1 << 16)
            if not data:
                raise Refused("the archive ends in the middle")
            out += self.inflate.decompress(data, size - len(out))
        return out


def take(path, wanted):
    """{name: bytes} of the wanted files that the archive has."""
    size = os.stat(path).st_size
    if size == 0:
        raise Refused("the archive is an empty file")
    if size > MOST_ARCHIVE:
        raise Refused(f"the archive is larger than {MOST_ARCHIVE >> 20} MiB")
    try:
        return read_tar(Counted(opened(path)), set(wanted))
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, OverflowError) as error:
        raise Refused(f"it is no archive as `make handin` makes them: {error}") from error


def take_folder(path, wanted):
    """The same from a folder, following no link."""
    found = {}
    for name in wanted:
        full = os.path.join(path, name)
        if os.path.realpath(full) != os.path.join(os.path.realpath(path), name):
            raise Refused(f"{name} is a link, or lies behind one")
        if not os.path.isfile(full):
            continue
        if os.stat(full).st_size > MOST_FILE:
            raise Refused(f"{name} is larger than {MOST_FILE >> 10} KiB")
        with open(full, "rb") as file:
            found[name] = file.read()
    return found
