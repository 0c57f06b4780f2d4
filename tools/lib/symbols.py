"""Names for addresses, from an ELF's symbol table."""
import bisect
import subprocess


class Symbols:
    """The functions of one ELF."""

    def __init__(self, elf):
        listing = subprocess.run(["nm", "-n", elf], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                 check=False).stdout
        pairs = [line.split() for line in listing.splitlines()]
        pairs = [(int(words[0], 16), words[2]) for words in pairs if len(words) == 3]
        self.end = pairs[-1][0] if pairs else 0  # nothing is known of what follows the last symbol
        self.addresses = [address for address, _ in pairs]
        self.names = [name for _, name in pairs]

    def name(self, address):
        """`function+0x12`, or "" if it lies in none."""
        at = bisect.bisect_right(self.addresses, address) - 1
        if at < 0 or address > self.end:
            return ""
        offset = address - self.addresses[at]
        return self.names[at] + (f"+{offset:#x}" if offset else "")
