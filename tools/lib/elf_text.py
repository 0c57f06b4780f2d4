"""An object file as assembly without mnemonics: what NASM made of a file that a handout must not show, in a form that gcc
assembles to the same."""
import re
import subprocess

ALLOC, EXEC, WRITE = "A", "X", "W"


def _readelf(*words):
    return subprocess.run(["readelf", *words], stdout=subprocess.PIPE, text=True, check=True).stdout


def _sections(path):
    """{number: (name, flags, content, alignment)} of what is loaded."""
    found = {}
    with open(path, "rb") as file:
        data = file.read()
    for line in _readelf("-SW", path).splitlines():
        match = re.match(r"\s*\[ *(\d+)\] (\S+)\s+PROGBITS\s+\S+ (\S+) (\S+) \S+ +([A-Z]*) +\d+ +\d+ +(\d+)", line)
        if match and ALLOC in match.group(5):
            start, size = int(match.group(3), 16), int(match.group(4), 16)
            found[int(match.group(1))] = (match.group(2), match.group(5), data[start:start + size], int(match.group(6)))
    return found


def _label(name):
    return ".Lat_" + re.sub(r"\W", "_", name)


def _relocations(path, names):
    """(section, offset, type, what it is relative to, as an expression)."""
    section = ""
    for line in _readelf("-rW", path).splitlines():
        head = re.match(r"Relocation section '\.rela(\S+)'", line)
        section = head.group(1) if head else section
        match = re.match(r"([0-9a-f]{8,})\s+\S+\s+(R_\S+)\s+\S+\s+(\S+)(?: ([+-]) ([0-9a-f]+))?", line)
        if match and section in names:
            target = _label(match.group(3)) if match.group(3) in names else match.group(3)
            yield section, int(match.group(1), 16), match.group(2), f"{target} {match.group(4) or '+'} 0x{match.group(5) or '0'}"


def listing(path):
    """The text for gcc."""
    sections, lines = _sections(path), []
    names = [name for name, _, _, _ in sections.values()]
    for name, flags, content, align in sections.values():
        kind = "a" + ("x" if EXEC in flags else "") + ("w" if WRITE in flags else "")
        lines += [f"\t.section {name},\"{kind}\",@progbits", f"\t.balign {max(align, 1)}", f"{_label(name)}:"]
        lines += ["\t.byte " + ",".join(f"0x{byte:02x}" for byte in content[at:at + 16]) for at in range(0, len(content), 16)]
    for line in _readelf("-sW", path).splitlines():
        match = re.match(r"\s*\d+: ([0-9a-f]+)\s+\d+ \w+\s+GLOBAL (\w+)\s+(\d+) (\S+)", line)
        if match and int(match.group(3)) in sections:
            lines += [f"\t.globl {match.group(4)}",
                      f"\t.set {match.group(4)}, {_label(sections[int(match.group(3))][0])} + 0x{match.group(1)}"]
    for section, offset, kind, value in _relocations(path, names):
        lines += [f"\t.section {section}", f"\t.reloc {_label(section)} + 0x{offset:x}, {kind}, {value}"]
    return "\n".join(lines) + "\n"
