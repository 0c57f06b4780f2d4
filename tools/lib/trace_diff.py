"""The same operation of a guest's in two modes, exit by exit: two columns of text.

An operation is what a figure measures; the guest runs it again in a region of the ledger, a known number of
times. The exits of the region, those of clocks left out, are divided by that number; if they do not divide, the region's
beginning is shown.
"""
import collections
import difflib
import itertools
from dataclasses import dataclass

from lib.trace import regions
from lib.trace_text import argument
from lib.usage import Mistake

COLUMN = 58
MOST_STEPS = 40  # shown of an operation, or of a region that cannot be divided
MOST_ALIKE = 4  # moments, or pairs of steps, of the same kind in a row
NEARLY_ALL = 0.9
CLOCKS = ("exit_preemption", "exit_interrupt", "exit_window")  # come when they come, whatever the guest does


@dataclass
class Step:
    """An exit or hypercall, and what was done inside."""
    span: object  # its record
    inside: list  # the moments until the next one

    @property
    def rip(self):
        """Where in the guest: the same in every mode, for the guest is the same."""
        return self.span.args.get("rip", self.span.args.get("to", 0))


@dataclass
class Operation:
    """A figure's operation in one mode."""
    mode: str
    ticks: int  # as the guest measured it
    steps: list
    group: int  # operations that the steps are of: more than one where an exit serves several
    alike: int  # groups that have the same kinds of steps, of
    parts: int  # so many
    exits: float  # exits and hypercalls of one operation, on average
    inside: float  # ticks of one operation spent in them, on average


def steps_of(records):
    """The exits, each with what follows it."""
    steps = []
    for record in records:
        if record.is_span:
            steps.append(Step(record, []))
        elif steps:
            steps[-1].inside.append(record)
    return [step for step in steps if step.span.kind.name not in CLOCKS]


def shape(steps):
    """What makes two operations alike."""
    return tuple(step.span.kind.name for step in steps)


def usual(found):
    """(shape, how many have it) of the most frequent one."""
    return max(collections.Counter(map(shape, found)).items(), key=lambda item: item[1])


def divide(openings, ops):
    """(group, [steps]): the steps of each group of operations, as small a group as has the same exits nearly each
    time; at the worst all of them."""
    opened = [steps_of(records) for records in openings]
    each = ops // len(opened)  # operations of one opening
    for group in range(1, each + 1):
        parts = each // group
        if ops % len(opened) or each % group or any(len(steps) % parts for steps in opened):
            continue
        found = [steps[i * len(steps) // parts:(i + 1) * len(steps) // parts] for steps in opened for i in range(parts)]
        if usual(found)[1] >= NEARLY_ALL * len(found):
            return group, found
    return ops, [[step for steps in opened for step in steps]]


def operation(traced, figure):
    """The operation of a figure in a traced run."""
    domain = traced.boot.guest.name
    openings = [records for region, records in regions(traced.trace.of_domain(domain)) if region == figure["region"]]
    if not openings:
        raise Mistake(f"{traced.boot.column.name}: no region {figure['region']} in the trace.")
    spans = [step.span for records in openings for step in steps_of(records)]
    group, found = divide(openings, figure["ops"])
    most, alike = usual(found)
    last = [steps for steps in found if shape(steps) == most][-1]
    return Operation(traced.boot.column.name, figure["ticks"], last, group, alike, len(found),
                     len(spans) / figure["ops"], sum(span.ticks for span in spans) / figure["ops"])


def cell(step, symbols):
    """A step's lines."""
    if step is None:
        return []
    where = symbols.name(step.rip)
    lines = [f"{step.span.kind.name + (' at ' + where if where else ''):{COLUMN - 8}} {step.span.ticks:7}"]
    lines += wrapped(" ".join(argument(*item, None) for item in step.span.args.items()), "  ")
    for moment, more in folded(step.inside):
        if more:
            lines.append(f"    ... {more} more {moment.kind.name}")
            continue
        text = " ".join([moment.kind.name] + [argument(*item, None) for item in moment.args.items()])
        lines += wrapped(text, "    ")
    return lines


def folded(moments):
    """(moment, 0), or (moment, n) in the place of n more of the same kind."""
    for _, run in itertools.groupby(moments, key=lambda moment: moment.kind.name):
        run = list(run)
        shown = run if len(run) <= MOST_ALIKE else run[:MOST_ALIKE - 1]
        yield from ((moment, 0) for moment in shown)
        if len(run) > len(shown):
            yield run[-1], len(run) - len(shown)


def wrapped(text, indent):
    """A text in lines that fit the column."""
    lines, line = [], indent.rstrip("\n")
    for word in text.split():
        if len(line) + 1 + len(word) > COLUMN and line.strip():
            lines.append(line)
            line = indent + "  "
        line += ("" if line.endswith(" ") or not line else " ") + word
    return lines + [line] if line.strip() else lines


def pairs(left, right):
    """Steps beside each other: those at the same place in the guest, and what lies between those; None where there
    is none."""
    matcher = difflib.SequenceMatcher(None, [step.rip for step in left], [step.rip for step in right], autojunk=False)
    for _, a, a_end, b, b_end in matcher.get_opcodes():
        yield from itertools.zip_longest(left[a:a_end], right[b:b_end])


def alike_rows(rows):
    """Runs of rows that have the same kinds of exits at the same places."""
    def key(row):
        return [step and (step.span.kind.name, step.rip, [moment.kind.name for moment in step.inside]) for step in row]
    return [list(run) for _, run in itertools.groupby(rows, key=key)]


def first_difference(rows, a, b, symbols):
    """A sentence on where the two part."""
    for number, (left, right) in enumerate(rows, 1):
        if left and right and left.span.kind.name == right.span.kind.name:
            continue
        step = left or right
        says = []
        for side, step in ((a, left), (b, right)):
            where = f" at {symbols.name(step.rip) or hex(step.rip)}" if step else ""
            says.append(f"{side.mode}: {step.span.kind.name if step else 'no exit'}{where}")
        return f"They first differ at step {number}: {'; '.join(says)}."
    return "They have the same exits."


def summary(side):
    """A column's totals."""
    lines = [f"{side.mode}: {side.ticks} ticks by the guest's clock",
             f"an operation: {side.exits:.4g} exits, {side.inside:.0f} ticks inside"]
    what = "operations" if side.group == 1 else f"groups of {side.group} operations"
    return lines + [f"shown: the last of {side.alike} alike, of {side.parts} {what}"]


def two_columns(left, right):
    """Lines beside each other."""
    for i in range(max(len(left), len(right))):
        first = left[i] if i < len(left) else ""
        second = right[i] if i < len(right) else ""
        yield f"{first:{COLUMN}} | {second}".rstrip()


def document(title, a, b, symbols):
    """The two operations side by side."""
    yield f"== {title}"
    yield from two_columns(summary(a), summary(b))
    yield "-" * COLUMN + "-+-" + "-" * COLUMN
    rows = list(pairs(a.steps[:MOST_STEPS], b.steps[:MOST_STEPS]))
    for run in alike_rows(rows):
        for left, right in run[:MOST_ALIKE - 1] if len(run) > MOST_ALIKE else run:
            yield from two_columns(cell(left, symbols), cell(right, symbols))
        if len(run) > MOST_ALIKE:
            more = f"... {len(run) - MOST_ALIKE + 1} more like this"
            yield from two_columns([more] if run[0][0] else [], [more] if run[0][1] else [])
    if len(a.steps) > MOST_STEPS or len(b.steps) > MOST_STEPS:
        yield from two_columns([f"... {len(a.steps)} exits in all"], [f"... {len(b.steps)} exits in all"])
    if not rows:
        yield from two_columns(["(no exits)"], ["(no exits)"])
    yield first_difference(rows, a, b, symbols)
    yield ""
