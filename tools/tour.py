#!/usr/bin/env python3
"""The tour of the code: docs/tour.md from the comments in the sources that begin with
`Tour 12: title.` (`Tour 12 [Part]: title.` where a new part begins). The text of a stop is its comment.

    tour.py              writes docs/tour.md
    tour.py --check      says what is wrong with the numbers, and whether docs/tour.md is up to date
    tour.py --room 12    makes room for a new stop 12: it and all later ones move up by one"""
import os
import re
import subprocess
import sys
import textwrap

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
OUTPUT = "docs/tour.md"
SOURCES = ("src/*.c", "src/*.h", "src/*.asm", "guests/*.c", "guests/*.h", "guests/*.asm")
TAG = re.compile(r"Tour (\d+)(?: \[([^\]]+)\])?: (.+?[.?])(?:\s+|$)", re.S)
MINUTES = 2  # a stop takes
WIDTH = 120
INTRODUCTION = """<!-- Made by `make tour` from the comments that begin with "Tour N:"; change those. -->
# A tour of the code

{stops} stops, from power-on to a page fault in each mode and the end: about {hours} hours for somebody who knows what a page
table is and looks at the code at each stop. Each names a file and what to look at there; `grep -rn 'Tour 20' src guests`
leads to stop 20. That is one instruction, a read of a page that is not there; the parts for the three modes follow it.
"""


class Stop:
    """One tagged comment."""

    def __init__(self, path, line, number, part, title, text, place):
        self.path, self.line, self.number, self.part = path, line, number, part
        self.title, self.text, self.place = title, text, place

    def where(self):
        """file:line"""
        return f"{self.path}:{self.line}"


def comments(lines, assembly):
    """(number of the first line, its lines without the comment's marks, index behind it)."""
    at = 0
    while at < len(lines):
        first, body = at, []
        if assembly and lines[at].startswith(";"):
            while at < len(lines) and lines[at].startswith(";"):
                body.append(lines[at][2:])
                at += 1
            yield first + 1, body, at
        elif not assembly and re.match(r"/\*", lines[at]):
            while True:
                done = "*/" in lines[at]
                body.append(re.sub(r"^(/\*| \*/?)( |$)|\s*\*/$", "", lines[at]))
                at += 1
                if done or at == len(lines):
                    break
            yield first + 1, body, at
        else:
            at += 1


def what_follows(lines, at, assembly):
    """The name of what is defined behind a comment, or None."""
    if assembly:
        label = next((m for m in (re.match(r"(\w+):", line) for line in lines[at:at + 8]) if m), None)
        return f"`{label.group(1)}`" if label else None
    while at < len(lines) and (not lines[at].strip() or lines[at].startswith(("/*", " *"))):
        at += 1
    text = " ".join(lines[at:at + 4])
    text = re.sub(r"__attribute__\(\(.*?\)\)", "", text)
    for pattern in (r"(?:static )?(?:const )?((?:struct|enum|union) \w+) \{", r"#define (\w+)",
                    r"[^({=;]*?(\w+)\[[^]]*\] = \{", r"[^({=;]*?(\w+)\("):
        match = re.match(pattern, text)
        if match:
            return f"`{match.group(1)}`"
    return None


def read(path):
    """A file's text, or nothing."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def stops_of(path):
    """The stops of one file."""
    lines = read(path).split("\n")
    assembly = path.endswith(".asm")
    for number, body, behind in comments(lines, assembly):
        while body and not body[0].strip():
            body, number = body[1:], number + 1
        match = TAG.match("\n".join(body))
        if not match:
            continue
        head = number <= 2
        yield Stop(path, number, int(match.group(1)), match.group(2), " ".join(match.group(3).split()),
                   "\n".join(body)[match.end():].strip("\n"),
                   "the head of the file" if head else what_follows(lines, behind, assembly))


def listed(*patterns):
    """The tracked files."""
    done = subprocess.run(["git", "ls-files", *patterns], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def find_stops():
    """All stops, in their order."""
    found = [stop for path in listed(*SOURCES) for stop in stops_of(path)]
    return sorted(found, key=lambda stop: stop.number)


def words_of(stops):
    """All words of the sources, the tour's own text left out, and the names of all files."""
    words = set()
    for path in listed("*"):
        words.add(os.path.basename(path))
    texts = {}
    for stop in stops:
        texts.setdefault(stop.path, []).append(stop.text)
    for path in listed(*SOURCES):
        text = read(path)
        for part in texts.get(path, []):
            for line in part.split("\n"):
                text = text.replace(line, "", 1) if line.strip() else text
        words |= set(re.findall(r"\w+", text))
    return words


def strangers(stop, words):
    """Names in a stop's text that the sources do not have: somebody has renamed them, or taken them away."""
    paths = re.findall(r"(?<![\w/-])(?:src|guests|docs)/[\w/.-]*[\w/]", stop.text)
    names = re.findall(r"(?<![\w/.-])(?:\w+\.(?:c|h|asm)\b|[A-Za-z]\w*_\w+\b(?![*.-]))", stop.text)
    return [path for path in paths if not os.path.exists(path)] + \
        [name for name in names if name not in words and not name.endswith(("_", "_Ln"))]


def problems(stops):
    """What is wrong with the tags."""
    found, titles, words = [], {}, words_of(stops)
    for expected, stop in enumerate(stops, 1):
        if stop.number != expected:
            twice = expected > 1 and stop.number == stops[expected - 2].number
            found.append(f"{stop.where()}: stop {stop.number} is there twice" if twice else
                         f"{stop.where()}: stop {stop.number} where {expected} should come")
            break
    if stops and not stops[0].part:
        found.append(f"{stops[0].where()}: the first stop begins no part: `Tour 1 [Part]: title.`")
    for stop in stops:
        if stop.title in titles:
            found.append(f"{stop.where()}: {titles[stop.title]} has the same title")
        titles[stop.title] = stop.where()
        if not stop.text.strip():
            found.append(f"{stop.where()}: stop {stop.number} has no text")
        for name in strangers(stop, words):
            found.append(f"{stop.where()}: stop {stop.number} speaks of {name}, which is nowhere in the sources")
        if not stop.place:
            found.append(f"{stop.where()}: no function, structure or label follows stop {stop.number}")
    return found


def as_code(text):
    """Names of the code in backquotes, outside those that are there."""
    names = re.compile(r"(`[^`]*`)|(?<![\w/.`<])(\w+(?:/[\w.-]+)*/?\.(?:c|h|asm|md|inc)\b|(?:src|guests|docs)/[\w/-]+"
                       r"|[A-Z]+_\*|[A-Za-z]\w*_\w+(?:\([^)]*\))?|[a-z]\w*\(\))(?![\w`])")
    return names.sub(lambda m: m.group(1) or f"`{m.group(2)}`", text)


def blocks(text):
    """The comment's text as (kind, lines): `text` to be filled, an `item` of a list, a `table`."""
    kind, lines = "text", []
    for line in text.split("\n") + [""]:
        item = re.match(r" ?(- |\d+\. )", line)
        goes_on = kind == "item" and line.startswith("  ")
        now = "item" if item or goes_on else "table" if line.startswith("  ") else "text"
        if lines and (item or now != kind or not line.strip()):
            yield kind, lines
            lines = []
        if line.strip():
            kind = now
            lines.append(line)


def markdown(text):
    """The comment's text as Markdown."""
    out, before = [], ""
    for kind, lines in blocks(text):
        if out and (kind, before) != ("item", "item"):
            out.append("")
        before = kind
        if kind == "table":
            out += ["```", *(line[2:] for line in lines), "```"]
            continue
        mark = re.match(r" ?(?:- |\d+\. )|", lines[0]).group(0).lstrip() if kind == "item" else ""
        words = " ".join(line.strip() for line in lines)[len(mark):]
        out += textwrap.wrap(as_code(words), WIDTH, initial_indent=mark, subsequent_indent=" " * len(mark),
                             break_long_words=False, break_on_hyphens=False)
    return "\n".join(out)


def document(stops):
    """The text of docs/tour.md."""
    out = [INTRODUCTION.format(stops=len(stops), hours=f"{len(stops) * MINUTES / 60:.1f}".replace(".0", ""))]
    for stop in stops:
        if stop.part:
            out.append(f"## {stop.part}\n")
        title = stop.title.rstrip(".")
        out.append(f"### {stop.number}. {title[0].upper()}{title[1:]}\n")
        out.append(f"[{stop.path}](../{stop.path}), {stop.place}\n")
        out.append(markdown(stop.text) + "\n")
    return "\n".join(out).rstrip("\n") + "\n"


def check():
    """What is wrong, as a list of sentences. A student's tree has no tour."""
    if subprocess.run(["git", "ls-files", "--error-unmatch", OUTPUT], capture_output=True, check=False).returncode:
        return []
    stops = find_stops()
    found = problems(stops)
    if not found and read(OUTPUT) != document(stops):
        found.append(f"{OUTPUT}: is not what the comments say: run `make tour`")
    return found


def make_room(number):
    """Stops from `number` on move up by one."""
    for path in sorted({stop.path for stop in find_stops() if stop.number >= number}):
        moved = re.sub(r"(?m)^((?:/\*| \*|;) Tour )(\d+)(?=[ :])", lambda m: m.group(1) + str(
            int(m.group(2)) + (int(m.group(2)) >= number)), read(path))
        with open(path, "w", encoding="utf-8") as file:
            file.write(moved)


def main():
    """See the head."""
    os.chdir(TOP)
    if sys.argv[1:2] == ["--room"]:
        make_room(int(sys.argv[2]))
        return 0
    found = check() if sys.argv[1:] == ["--check"] else problems(find_stops())
    for line in found:
        print(line)
    if not found and sys.argv[1:] != ["--check"]:
        with open(OUTPUT, "w", encoding="utf-8") as file:
            file.write(document(find_stops()))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
