"""Regions of the labs in the sources: finding them, cutting them out, and filling holes again.

    /* lab walk.3: return lab_missing("walk.3"), WALK_FAULT; */    the text after the colon is the stub
    ...the code that the student is to write...
    /* lab end walk.3 */

Several regions may share an id: they are one exercise in parts. A region lies within one function.

    /* lab pv.10 weak: memset(p, 0, n); return 0; */    weak code, which stands there in a handout without a word
    ...the sound code...
    /* lab end pv.10 */

In assembly files the same after a semicolon, the end of the line being the end of the stub.
"""
import os
import re
from dataclasses import dataclass

from lib.usage import Mistake

BEGIN = re.compile(r"([ \t]*)/\*\s*lab ([a-z]+\.[0-9]+)( weak)?(?::\s*((?:(?!\*/).)*?))?\s*\*/[ \t]*\n", re.S)
END = re.compile(r"[ \t]*/\*\s*lab end ([a-z]+\.[0-9]+)\s*\*/[ \t]*\n")
ASM_BEGIN = re.compile(r"([ \t]*);\s*lab ([a-z]+\.[0-9]+)( weak)?(?::[ \t]*([^\n]*?))?[ \t]*\n")
ASM_END = re.compile(r"[ \t]*;\s*lab end ([a-z]+\.[0-9]+)[ \t]*\n")
ANY = re.compile(r"(?:/\*|;)\s*lab (?:end )?[a-z]+\.[0-9]+")
HOLE = "Exercise {id}{part}: your code here (labs/{lab}/README.md)."
FOUND = re.compile(r"[ \t]*(?:/\*|;) Exercise ([a-z]+\.[0-9]+)(?:, part (\d+) of \d+)?: your code here")
INCLUDE = '#include "lab.h"\n'
ASM_INCLUDE = '%include "lab.inc"\n'
# The tour's comments. At a file's head the tag is a line before the head's own text, which stays.
TOUR_HEAD = re.compile(r"\A(/\*\n)? ?[*;] Tour \d+[^\n]*\n ?[*;]\n")
TOUR = re.compile(r"^(?:/\*\n \* Tour \d+(?: \[[^\]]*\])?: .*?\*/\n\n?|"
                  r"; Tour \d+(?: \[[^\]]*\])?: [^\n]*\n(?:;[^\n]*\n)*\n?)", re.S | re.M)


@dataclass
class Region:
    """One region of one file."""
    path: str  # relative to the tree's top
    line: int  # of its first marker, from 1
    id: str  # walk.3
    part: int  # from 1, in the order of the file names and lines
    start: int  # offsets in the file: of the first marker ...
    body_start: int  # ... of the code ...
    body_end: int
    end: int  # ... and behind the last marker
    indent: str
    stub: str  # statements that stand in its place
    body: str  # the code
    weak: bool = False  # the statements are weak code, which nothing announces

    @property
    def asm(self):
        """Whether it is NASM's assembly."""
        return self.path.endswith(".asm")

    @property
    def lab(self):
        """Whose it is."""
        return self.id.split(".")[0]


def _line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def _joined(stub):
    """A stub's text, which the formatter may have folded as a comment."""
    return re.sub(r"\s*\n[ \t]*\*?[ \t]*", " ", stub or "").strip()


def _without_text(code):
    """The code without comments, strings and characters, so that its braces can be counted."""
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', "", code, flags=re.S)


def _check_body(region):
    """A region must be a piece of one function's body: its braces match, and it is indented."""
    depth = 0
    if region.asm and region.body.strip():
        return
    for char in _without_text(region.body):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth < 0:
            break
    if depth or not region.indent:
        raise Mistake(f"{region.path}:{region.line}: the region {region.id} does not lie within one function's body.")
    if not region.body.strip():
        raise Mistake(f"{region.path}:{region.line}: the region {region.id} is empty.")


def parse(path, text):
    """The regions of one file, in order; raises Mistake where the markers do not match."""
    regions, at, begun = [], 0, None
    begins, ends = (ASM_BEGIN, ASM_END) if path.endswith(".asm") else (BEGIN, END)
    while at < len(text):
        end_of_line = text.find("\n", at) + 1 or len(text)
        begin, end = begins.match(text, at), ends.match(text, at)
        here = f"{path}:{_line_of(text, at)}"
        if end:
            if not begun:
                raise Mistake(f"{here}: `lab end {end.group(1)}` without its beginning.")
            if end.group(1) != begun.id:
                raise Mistake(f"{here}: `lab end {end.group(1)}`, but {begun.id} began at line {begun.line}.")
            begun.body_end, begun.end, begun.body = at, end.end(), text[begun.body_start:at]
            _check_body(begun)
            regions.append(begun)
            begun, at = None, end.end()
        elif begin:
            if begun:
                raise Mistake(f"{here}: the region {begin.group(2)} begins within {begun.id} (line {begun.line}).")
            missing = f'LAB_MISSING "{begin.group(2)}"' if begins is ASM_BEGIN else f'lab_missing("{begin.group(2)}");'
            stub = _joined(begin.group(4)) or missing
            if begins is BEGIN and not re.search(r"[;}]$", stub):
                raise Mistake(f"{here}: the stub of {begin.group(2)} is no statement: `{stub}`.")
            begun = Region(path, _line_of(text, at), begin.group(2), 0, at, begin.end(), 0, 0, begin.group(1), stub, "",
                           bool(begin.group(3)))
            at = begin.end()
        elif ANY.search(text[at:end_of_line]):
            raise Mistake(f"{here}: a marker of a lab must stand on a line of its own: "
                          f"{text[at:end_of_line].strip()}")
        else:
            at = end_of_line
    if begun:
        raise Mistake(f"{path}:{begun.line}: the region {begun.id} has no end.")
    return regions


def sources(top):
    """The files that may have regions."""
    for place, part in (("src", ""), ("labs", "/guest")):
        for folder, _, names in sorted(os.walk(os.path.join(top, place))):
            for name in sorted(names):
                if name.endswith((".c", ".h", ".asm")) and part in folder:
                    yield os.path.relpath(os.path.join(folder, name), top)


def read(top, path):
    """A file's text."""
    with open(os.path.join(top, path), encoding="utf-8") as file:
        return file.read()


def write(top, path, text):
    """Writes a file."""
    with open(os.path.join(top, path), "w", encoding="utf-8") as file:
        file.write(text)


def scan(top):
    """{path: its regions} of a whole tree, the parts of each exercise numbered."""
    found = {}
    for path in sources(top):
        regions = parse(path, read(top, path))
        if regions:
            found[path] = regions
    parts = {}
    for regions in found.values():
        for region in regions:
            parts[region.id] = parts.get(region.id, 0) + 1
            region.part = parts[region.id]
    return found


def counts(found):
    """{id: number of its parts}."""
    result = {}
    for regions in found.values():
        for region in regions:
            result[region.id] = max(result.get(region.id, 0), region.part)
    return result


def _with_include(text):
    """The file with lab.h included after its first include, or before its first line of code."""
    if INCLUDE in text or ASM_INCLUDE in text:
        return text
    match = re.search(r'^%include "[^\n]*\n', text, re.M)
    if match:
        return text[:match.start()] + ASM_INCLUDE + text[match.start():]
    match = re.search(r'^#include "[^\n]*\n', text, re.M) or re.search(r"^#include <[^\n]*\n", text, re.M)
    if match:
        return text[:match.start()] + INCLUDE + text[match.start():]
    head = re.match(r"(?:/\*.*?\*/\s*\n)?", text, re.S)
    return text[:head.end()] + INCLUDE + text[head.end():]


def hole(region, parts):
    """The text of an open hole, or the weak code."""
    if region.weak:
        text = re.sub(r"; ( ?)(?=\S)", lambda match: ";\n" + match.group(1).replace(" ", "\n"), region.stub)
        text = re.sub(r"^(if \(.*\)) (?=return)", r"\1\n    ", text, flags=re.M)
        return "".join(f"{region.indent}{line}\n" if line else "\n" for line in text.split("\n"))
    part = f", part {region.part} of {parts}" if parts > 1 else ""
    comment = HOLE.format(id=region.id, part=part, lab=region.lab)
    comment = f"; {comment}" if region.asm else f"/* {comment} */"
    return f"{region.indent}{comment}\n{region.indent}{region.stub}\n"


def rewrite(text, regions, action, parts):
    """The file with each region changed: action(region) is `cut`, `solve` (the code without its markers), `keep`
    (as it is), or text that stands in its place."""
    out, at, cut = [], 0, False
    for region in regions:
        what = action(region)
        out.append(text[at:region.start])
        at = region.end
        if what == "cut":
            out.append(hole(region, parts[region.id]))
            cut |= not region.weak
        elif what == "solve":
            out.append(region.body)
        elif what == "keep":
            out.append(text[region.start:region.end])
        else:
            out.append(what)
            cut = True
    out.append(text[at:])
    return _with_include("".join(out)) if cut else "".join(out)


def without_tour(text):
    """The file without the comments of the tour, which say how the solution goes."""
    return TOUR.sub("", TOUR_HEAD.sub(lambda match: match.group(1) or "", text))


def toured(top):
    """The files that may have comments of the tour."""
    for place in ("src", "guests"):
        for folder, _, names in sorted(os.walk(os.path.join(top, place))):
            for name in sorted(names):
                if name.endswith((".c", ".h", ".asm")):
                    yield os.path.relpath(os.path.join(folder, name), top)
