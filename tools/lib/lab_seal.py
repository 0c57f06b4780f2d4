"""The seals on what graders say: labs/kit/siphash.h once more, and reading the lines that have one."""
import json
import re
import secrets
import struct

MASK = (1 << 64) - 1
LINE = re.compile(r'^(?:\[([A-Za-z0-9_-]+)\] )?@grade (\{.*),"seal":"([0-9a-f]{16})"\}\s*$')


def new_key():
    """Two words that nobody can guess."""
    return secrets.randbits(64), secrets.randbits(64)


def _rounds(v, count):
    for _ in range(count):
        for a, b, turn in ((0, 1, 13), (2, 3, 16)):
            v[a] = (v[a] + v[b]) & MASK
            v[b] = ((v[b] << turn | v[b] >> (64 - turn)) & MASK) ^ v[a]
        v[0] = (v[0] << 32 | v[0] >> 32) & MASK
        for a, b, turn in ((0, 3, 21), (2, 1, 17)):
            v[a] = (v[a] + v[b]) & MASK
            v[b] = ((v[b] << turn | v[b] >> (64 - turn)) & MASK) ^ v[a]
        v[2] = (v[2] << 32 | v[2] >> 32) & MASK


def siphash(key, data):
    """SipHash-2-4."""
    v = [key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
         key[1] ^ 0x7465646279746573]
    whole = len(data) // 8 * 8
    last = int.from_bytes(data[whole:], "little") | (len(data) & 0xff) << 56
    for word in (*struct.unpack(f"<{whole // 8}Q", data[:whole]), last):
        v[3] ^= word
        _rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xff
    _rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def read(text, key):
    """{test: its line} of the console's lines with a true seal; of several for a test the first that is not good."""
    found = {}
    for raw in text.splitlines():
        match = LINE.match(raw)
        if not match or match.group(1) == "trivisor":
            continue
        if siphash(key, match.group(2).encode(errors="replace")) != int(match.group(3), 16):
            continue
        try:
            line = json.loads(match.group(2) + "}")
        except ValueError:
            continue
        if line["test"] not in found or not line["ok"]:
            found[line["test"]] = line
    return found
