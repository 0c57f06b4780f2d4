"""A trace as text: one line a record, what was done inside an exit indented below it; and totals."""
from lib.trace import NO_VCPU, counts

WIDTH = 10


def argument(name, value, symbols):
    """`gva=0x200000`, `rip=0x100b1a (probe_read+4)`."""
    function = symbols.name(value) if name in ("rip", "to") and symbols else ""
    return f"{name}={value:#x}" + (f" ({function})" if function else "")


def arguments(record, symbols=None):
    """All of a record's."""
    return " ".join(argument(name, value, symbols) for name, value in record.args.items())


def lines(trace, symbols):
    """The records, with the guest's own ticks since the last exit before each exit."""
    yield f"{'at tick':>{WIDTH}} {'guest':>{WIDTH}} {'inside':>{WIDTH}}  whose, what"
    left = {}  # (life, vcpu) -> when the guest went on
    inside = {}  # (life, vcpu) -> end of the last exit
    for record in trace.records:
        where = (record.life, record.vcpu)
        domain, life = trace.lives.get(record.life, ("-", 1))
        who = domain + (f"/{life}" if life > 1 else "") + ("" if record.vcpu == NO_VCPU else f":{record.vcpu}")
        text = f"{record.kind.name} {arguments(record, symbols)}".rstrip()
        if record.is_span:
            guest = record.start - left[where] if where in left and trace.has_all_exits else ""
            left[where] = inside[where] = record.end
            yield f"{record.start:{WIDTH}} {guest:>{WIDTH}} {record.ticks:{WIDTH}}  {who} {text}"
            continue
        if record.kind.name == "scheduled":
            left[where] = record.start
        elif record.kind.name == "descheduled":
            left.pop(where, None)
        indent = "    " if record.start < inside.get(where, 0) else ""
        yield f"{record.start:{WIDTH}} {'':{WIDTH}} {'':{WIDTH}}  {indent}{who} {text}"


def totals(records):
    """A table: how often each kind came, and for how long; the longest first."""
    spent = {}
    for record in records:
        if record.is_span:
            spent[record.kind.name] = spent.get(record.kind.name, 0) + record.ticks
    found = counts(records)
    yield f"{'':24} {'records':>{WIDTH}} {'ticks':>{WIDTH}} {'each':>8}"
    for name in sorted(found, key=lambda name: (-spent.get(name, 0), -found[name]["n"], name)):
        n, ticks = found[name]["n"], spent.get(name)
        yield f"{name:24} {n:{WIDTH}}" + ("" if ticks is None else f" {ticks:{WIDTH}} {ticks // n:8}")


def document(trace, symbols, title):
    """The whole text."""
    head = [title, f"{len(trace.records)} records; {trace.head['lost']} older ones are lost. Times are in ticks "
            "since the first record, what recording took is taken off.", ""]
    return "\n".join(head + list(totals(trace.records)) + [""] + list(lines(trace, symbols))) + "\n"
