"""Reading a trace (docs/formats.md, "The trace"): records with names, and times without the trace's own cost."""
import bisect
import json
import re
from dataclasses import dataclass, field

from lib.usage import Mistake

LINE = re.compile(r"^@(trace|trace_life|trace_kind|trace_end) (\{.*\})\s*$")
WORDS = ["exits", "hypercalls", "faults", "events", "shadow", "direct", "memory"]
NO_VCPU = 0xff
SPANS = ("EXITS", "HYPERCALLS")  # groups whose records have a time of their own


@dataclass
class Kind:
    """What a record's kind is called, and its arguments."""
    name: str  # in lower case, as in the ledger
    group: str
    args: list


@dataclass
class Record:
    """One record. Times are in ticks since the first, corrected."""
    kind: Kind
    start: int
    end: int  # equal to start for a moment
    charged: int  # ticks as the ledger has them, with the cost of what was recorded inside
    life: int
    vcpu: int
    args: dict  # name -> number
    number: int  # in the order in which they were made

    @property
    def ticks(self):
        """How long it took."""
        return self.end - self.start

    @property
    def is_span(self):
        """Does it have a time of its own?"""
        return self.kind.group in SPANS and self.kind.name != "pv_multicall_item"


@dataclass
class Trace:
    """A whole trace."""
    head: dict
    lives: dict = field(default_factory=dict)  # number -> (domain, life)
    kinds: dict = field(default_factory=dict)  # number -> Kind
    records: list = field(default_factory=list)  # by start, outer before inner

    @property
    def has_all_exits(self):
        """Whether each way into the hypervisor left a record."""
        kinds = self.head["kinds"].split(",")
        return "all" in kinds or "exits" in kinds and (self.head["mode"] != "pv" or "hypercalls" in kinds)

    def of_domain(self, name):
        """The records of all lives of a domain."""
        return [record for record in self.records if self.lives.get(record.life, ("", 0))[0] == name]


def choose_kinds(words):
    """`words`, if all of them are groups of records."""
    for word in words.split(","):
        if word not in WORDS + ["all"]:
            raise Mistake(f"KINDS={words}: `{word}` is unknown: choose all, or some of {', '.join(WORDS)}, with commas.")
    return words


def correct(raw):
    """[(start, end)] of (tsc, ticks, cost) in the order in which they were made: the time that making records took is
    cut out. Later stays later, whatever the costs say."""
    made = [tsc + ticks for tsc, ticks, _ in raw]
    cut, total, before = [], 0, []
    for (_, _, cost), at, following in zip(raw, made, made[1:] + [float("inf")]):
        before.append(total)
        cut.append(max(0, min(cost, following - at)))
        total += cut[-1]

    def warp(tsc):
        number = bisect.bisect_right(made, tsc) - 1
        return tsc if number < 0 else tsc - before[number] - min(cut[number], tsc - made[number])

    return [(warp(tsc), warp(tsc + ticks)) for tsc, ticks, _ in raw]


def parse_record(line, kinds):
    """(tsc, ticks, cost), life, vcpu, kind, arguments."""
    numbers = [int(word, 16) for word in line.split()[1:]]
    kind = kinds[numbers[5]]
    if len(numbers) != 6 + len(kind.args):
        raise ValueError("the number of arguments is not the kind's")
    return numbers[:3], numbers[3], numbers[4], kind, dict(zip(kind.args, numbers[6:]))


def parse(text):
    """The trace in a debug port's output, or None if there is none. A broken one is a ValueError."""
    trace, raw, rest, ended = None, [], [], None
    for line in text.splitlines():
        match = LINE.match(line)
        if match and match.group(1) == "trace":
            trace = Trace(json.loads(match.group(2)))
        elif trace is None or ended:
            continue
        elif match and match.group(1) == "trace_life":
            life = json.loads(match.group(2))
            trace.lives[life["number"]] = (life["domain"], life["life"])
        elif match and match.group(1) == "trace_kind":
            kind = json.loads(match.group(2))
            trace.kinds[kind["kind"]] = Kind(kind["name"].lower(), kind["group"], kind["args"].split())
        elif match:
            ended = json.loads(match.group(2))
        elif line.startswith("T "):
            times, *others = parse_record(line, trace.kinds)
            raw.append(times)
            rest.append(others)
    if trace is None:
        return None
    if not ended or ended["records"] != len(raw):
        raise ValueError("the trace is not complete")
    origin = float("inf")
    for number, ((start, end), (_, ticks, _), (life, vcpu, kind, args)) in enumerate(zip(correct(raw), raw, rest)):
        origin = min(origin, start)
        trace.records.append(Record(kind, start, end, ticks, life, vcpu, args, number))
    for record in trace.records:
        record.start, record.end = record.start - origin, record.end - origin
    trace.records.sort(key=lambda record: (record.start, -record.end, record.number))
    return trace


def counts(records):
    """Like the ledger's counters: name -> {"n", "ticks"}, from the records."""
    found = {}
    for record in records:
        cell = found.setdefault(record.kind.name, {"n": 0, "ticks": 0})
        cell["n"] += 1
        cell["ticks"] += record.charged
    return found


def disagreements(trace, domain, ledger):
    """Where the records of a domain are not what its ledger says; [] if they are. Only for a trace of whole lives
    that has lost nothing."""
    if trace.head["lost"] or trace.head["in"] != "life":
        return []
    found = counts(trace.of_domain(domain))
    groups = {record.kind.group for record in trace.records}
    wrong = []
    for kind in trace.kinds.values():
        have, said = found.get(kind.name, {"n": 0})["n"], ledger.get(kind.name, {"n": 0})["n"]
        if kind.group in groups and kind.group != "ALWAYS" and kind.name != "descheduled" and have != said:
            wrong.append(f"{kind.name}: {have} records, but the ledger has {said}")
    return wrong


def regions(records):
    """[(region, records inside it)] in the order of the marks, for the records of one domain: what was done
    between the two marks, the marks' own exits left out."""
    found, inside, region = [], None, None
    for record in records:
        if record.kind.name == "mark_begin":
            inside, region = [], record.args["region"]
        elif record.kind.name == "mark_end" and inside is not None:
            found.append((region, [other for other in inside if other.end <= record.start]))
            inside = None
        elif inside is not None and record.kind.group != "ALWAYS":
            inside.append(record)
    return found
