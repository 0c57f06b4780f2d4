#!/usr/bin/env python3
"""Writes labs/trap/vectors.inc: instructions and their operands, as the GNU disassembler reads them (which
shares nothing with src/cpu/emulate/). A row: size of the code, bytes, operands in the notation of grade_trap.c:
registers by the name of the 64-bit one with the same number (AH to BH by their own), memory as
segment:[base+index*scale+disp]. With --check: compares instead of writing, and fails if something differs."""
import itertools
import os
import random
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = os.path.join(HERE, "vectors.inc")
CODE = {2: "i8086", 4: "i386", 8: "i386:x86-64"}
NAMES = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] + [f"r{n}" for n in range(8, 16)]
OPCODES = {"word": [[0x01], [0x03]], "byte": [[0x00], [0x02]], "extend": [[0x0f, 0xb6], [0x0f, 0xbe]]}


def register(name):
    """The 64-bit register with the same number; AH to BH stay."""
    if name in ("ah", "ch", "dh", "bh"):
        return name
    if name.startswith("r") and name[1].isdigit():
        return "r" + re.match(r"\d+", name[1:]).group()
    if name in ("rip", "eip"):
        return "rip"
    core = name.lstrip("re") if name[-1] != "l" else name[:-1]
    core = {"a": "ax", "c": "cx", "d": "dx", "b": "bx"}.get(core, core)
    return "r" + core


def signed(value, bits):
    """Two's complement."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def displacement(value):
    """As grade_trap.c prints it."""
    return f"{'-' if value < 0 else '+'}{abs(value):#x}" if value else ""


def memory(text, code, width):
    """objdump's memory operand in our notation; width: bits of an absolute address."""
    match = re.fullmatch(r"(?:(\ws):)?(?:\[(.*)\]|(0x[0-9a-f]+))", text)
    segment, inside, absolute = match.groups()
    base = index = ""
    scale, disp = 1, signed(int(absolute, 16), width) if absolute else 0
    for sign, part in re.findall(r"([+-]?)([^+-]+)", inside or ""):
        if part.startswith("0x") or part.isdigit():
            disp = int(part, 0) if sign != "-" else -int(part, 0)
            disp = signed(disp, width)
        elif "*" in part:
            name, scale = part.split("*")
            index = "" if name in ("riz", "eiz") else register(name)
        elif not base:
            base = register(part)
        else:  # 16-bit: [bx+si]
            index = register(part)
    overridden = segment if not absolute and segment else None
    if absolute and segment not in (None, "ds"):
        overridden = segment
    if overridden in ("cs", "ds", "es", "ss") and code == 8:
        overridden = None
    segment = overridden or ("ss" if base in ("rsp", "rbp") else "ds")
    inside = base + (f"+{index}*{scale}" if index else "") + displacement(disp)
    return f"{segment}:[{inside.lstrip('+')}]"


def disassemble(code, rows):
    """objdump's operands of each row of bytes."""
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        for row in rows:
            file.write(bytes(row).ljust(16, b"\x90"))
        file.flush()
        done = subprocess.run(["objdump", "-D", "-b", "binary", "-m", CODE[code], "-M", "intel", "--insn-width=16", file.name],
                              stdout=subprocess.PIPE, text=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        match = re.match(r"\s*([0-9a-f]+):\s+((?:[0-9a-f]{2} )+)\s*(.*)", line)
        if match and int(match.group(1), 16) % 16 == 0:
            found[int(match.group(1), 16) // 16] = (len(match.group(2).split()), match.group(3).split("#")[0].strip())
    return [found[number] for number in range(len(rows))]


def operands(code, row, length, text):
    """The row of the table, or None if the disassembler saw another instruction in the bytes."""
    if length != len(row):
        return None
    words = text.split(None, 1)
    while words[0] in ("rex", "addr32", "addr16", "data16") or words[0].startswith("rex") or words[0] in (
            "cs", "ds", "es", "ss", "fs", "gs"):
        words = words[1].split(None, 1)
    addresses = 16 if code == 2 else 32 if code == 4 else 64
    if 0x67 in row[:2]:
        addresses = {2: 32, 4: 16, 8: 32}[code]
    out = []
    for operand in words[1].split(","):
        operand = re.sub(r"^(QWORD|DWORD|WORD|BYTE) PTR ", "", operand)
        out.append(memory(operand, code, addresses) if "[" in operand or ":" in operand else register(operand))
    return ", ".join(out)


def form(rng, code, modrm, sib=None, rex=0, prefixes=(), kind="word"):
    """Bytes of one instruction."""
    opcode = rng.choice(OPCODES[kind])
    mod, rm = modrm >> 6, modrm & 7
    row = list(prefixes) + ([rex] if rex else []) + opcode + [modrm]
    sixteen = (code == 2) != (0x67 in prefixes) if code != 8 else False
    bytes_of_disp = {0: 0, 1: 1, 2: 2 if sixteen else 4, 3: 0}[mod]
    if not sixteen and mod != 3 and rm == 4:
        sib = rng.randrange(256) if sib is None else sib
        row.append(sib)
        if mod == 0 and sib & 7 == 5:
            bytes_of_disp = 4
    elif not sixteen and mod == 0 and rm == 5:
        bytes_of_disp = 4
    elif sixteen and mod == 0 and rm == 6:
        bytes_of_disp = 2
    if bytes_of_disp == 1:
        row.append(rng.choice([0x7f, 0x80, 0xf8, 0x10, rng.randrange(1, 256)]))
    else:
        value = rng.choice([rng.randrange(1, 1 << 8 * bytes_of_disp), (1 << 8 * bytes_of_disp) - 16]) if bytes_of_disp else 0
        row += list(value.to_bytes(bytes_of_disp, "little"))
    return row


def rows_of(group, rng):
    """The instructions of a group, as (code, bytes)."""
    if group == "registers":
        for rex, reg in itertools.product((0, 0x40, 0x41, 0x44, 0x48, 0x4d), range(8)):
            yield 8, form(rng, 8, 0xc0 | reg << 3 | rng.randrange(8), rex=rex)
        for code, reg in itertools.product((2, 4), range(8)):
            yield code, form(rng, code, 0xc0 | reg << 3 | rng.randrange(8))
    if group == "byte_registers":
        for rex, reg, kind in itertools.product((0, 0x40, 0x45), range(8), ("byte", "extend")):
            yield 8, form(rng, 8, 0xc0 | reg << 3 | rng.randrange(8), rex=rex, kind=kind)
        for reg, kind in itertools.product(range(8), ("byte", "extend")):
            yield 4, form(rng, 4, 0xc0 | reg << 3 | (7 - reg), kind=kind)
    if group == "memory_64":
        for mod, rm, rex in itertools.product(range(3), range(8), (0, 0x41, 0x42, 0x48, 0x4f)):
            yield 8, form(rng, 8, mod << 6 | rng.randrange(8) << 3 | rm, rex=rex)
    if group == "sib":
        for index, base, rex in itertools.product(range(8), range(8), (0, 0x41, 0x42)):
            sib = rng.randrange(4) << 6 | index << 3 | base
            yield 8, form(rng, 8, rng.randrange(3) << 6 | rng.randrange(8) << 3 | 4, sib=sib, rex=rex)
    if group == "memory_32":
        for mod, rm, prefixes in itertools.product(range(3), range(8), ((), (0x36,), (0x64,))):
            yield 4, form(rng, 4, mod << 6 | rng.randrange(8) << 3 | rm, prefixes=prefixes)
        for mod, rm in itertools.product(range(3), range(8)):
            yield 8, form(rng, 8, mod << 6 | rng.randrange(8) << 3 | rm, prefixes=(0x67,), rex=rng.choice((0, 0x41)))
            yield 2, form(rng, 2, mod << 6 | rng.randrange(8) << 3 | rm, prefixes=(0x67,))
    if group == "memory_16":
        for mod, rm, prefixes in itertools.product(range(3), range(8), ((), (0x3e,), (0x65,))):
            yield 2, form(rng, 2, mod << 6 | rng.randrange(8) << 3 | rm, prefixes=prefixes)
        for mod, rm in itertools.product(range(3), range(8)):
            yield 4, form(rng, 4, mod << 6 | rng.randrange(8) << 3 | rm, prefixes=(0x67,))


def table():
    """The file's text."""
    lines = ["/* Made by labs/trap/vectors.py with GNU objdump: do not edit. */"]
    for group in ("registers", "byte_registers", "memory_64", "sib", "memory_32", "memory_16"):
        wanted = list(rows_of(group, random.Random(group)))
        lines.append(f"static const struct vector {group}[] = {{")
        for code in CODE:
            rows = [row for size, row in wanted if size == code]
            for row, (length, text) in zip(rows, disassemble(code, rows) if rows else []):
                said = operands(code, row, length, text)
                if said:
                    lines.append(f'    {{{code}, "{bytes(row).hex(" ")}", "{said}"}},')
        lines.append("};")
    return "\n".join(lines) + "\n"


def main():
    """Writes or checks."""
    text = table()
    if sys.argv[1:] == ["--check"]:
        with open(PATH, encoding="ascii") as file:
            return 0 if file.read() == text else "labs/trap/vectors.inc is not what labs/trap/vectors.py makes."
    with open(PATH, "w", encoding="ascii") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
