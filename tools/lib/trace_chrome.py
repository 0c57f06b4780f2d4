"""A trace as Chrome trace-event JSON, which Perfetto's viewer opens: a process for each life of a domain, a row for
each vcpu, guest and hypervisor time as nested complete events. One tick is shown as one nanosecond."""
from lib import trace as traces

TICKS_PER_MICROSECOND = 1000  # the format's times are microseconds
DOMAIN_ROW = 1000  # the row of what concerns no vcpu


def microseconds(ticks):
    """A time in the format's unit."""
    return round(ticks / TICKS_PER_MICROSECOND, 3)


def shown(record, symbols):
    """A record's arguments by name, numbers in hexadecimal, with the function that `rip` lies in."""
    args = {name: hex(value) for name, value in record.args.items()}
    for name in ("rip", "to"):
        function = symbols.name(record.args[name]) if name in record.args else ""
        if function:
            args[name + " in"] = function
    return args


class Row:
    """A vcpu's row: what of its time is known to be the guest's."""

    def __init__(self, out, where):
        self.out, self.where = out, where
        self.scheduled = None  # since when it has been on the processor
        self.guest = None  # since when the guest has run, or None: not known

    def complete(self, name, category, start, end, args=None):
        """A complete event."""
        self.out.append({"ph": "X", "name": name, "cat": category, "ts": microseconds(start),
                         "dur": microseconds(end - start), **self.where, "args": args or {}})

    def guest_until(self, end):
        """Guest time up to a record's start."""
        if self.guest is not None and end > self.guest:
            self.complete("guest", "guest", self.guest, end)

    def take_span(self, record, symbols):
        """An exit or a hypercall."""
        self.guest_until(record.start)
        self.complete(record.kind.name, "hypervisor", record.start, record.end, shown(record, symbols))
        self.guest = record.end

    def take_moment(self, record, symbols, scope):
        """Anything else; some of it says since when, or until when, exits are recorded."""
        name = record.kind.name
        if name == "scheduled":
            self.scheduled = self.guest = record.start
        elif name == "descheduled":
            self.guest_until(record.start)
            if self.scheduled is not None:
                self.complete("on the processor", "scheduling", self.scheduled, record.start)
            self.scheduled = self.guest = None
        elif name == "mark_begin" and scope == "regions" or record.args.get("on") == 1:
            self.guest = max(self.guest or 0, record.start)
        elif name == "mark_end" and scope == "regions" or record.args.get("on") == 0:
            self.guest_until(record.start)
            self.guest = None
        self.out.append({"ph": "i", "s": "t", "name": name, "cat": record.kind.group.lower(),
                         "ts": microseconds(record.start), **self.where, "args": shown(record, symbols)})


class Dark(Row):
    """A row of a trace that leaves exits or hypercalls out, so that what lies between two is not all the guest's."""

    def guest_until(self, end):
        """Not known."""


def metadata(trace, rows):
    """The names of processes and rows."""
    for number, (domain, life) in trace.lives.items():
        title = domain if life == 1 else f"{domain}, life {life}"
        yield {"ph": "M", "name": "process_name", "pid": number, "tid": 0, "args": {"name": title}}
    for pid, tid in rows:
        title = "domain" if tid == DOMAIN_ROW else f"vcpu {tid}"
        yield {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": title}}


def region_events(trace, names):
    """The regions of the ledger, as asynchronous events: they may begin and end anywhere."""
    for number, (domain, _) in trace.lives.items():
        opened = None
        for record in trace.records:
            if record.life != number or record.kind.name not in ("mark_begin", "mark_end"):
                continue
            begins = record.kind.name == "mark_begin"
            if not begins and opened != record.args["region"]:
                continue  # its beginning is lost
            opened = record.args["region"] if begins else None
            region = record.args["region"]
            figure = names.get((domain, region))
            yield {"ph": "b" if begins else "e", "name": figure or f"region {region}", "cat": "region", "id": region,
                   "ts": microseconds(record.start), "pid": number, "tid": 0, "args": {"region": region}}


def close_open_regions(events, end):
    """A region that was never closed ends with the trace."""
    still = {}
    for event in events:
        if event["ph"] == "b":
            still[(event["pid"], event["id"])] = event
        elif event["ph"] == "e":
            still.pop((event["pid"], event["id"]), None)
    return [{**event, "ph": "e", "ts": microseconds(end)} for event in still.values()]


def events_of(trace, symbols, names):
    """All events. `names`: (domain, region) -> the figure that was measured in it."""
    out, rows = [], {}
    kind_of_row = Row if trace.has_all_exits else Dark
    for record in trace.records:
        tid = DOMAIN_ROW if record.vcpu == traces.NO_VCPU else record.vcpu
        row = rows.setdefault((record.life, tid), kind_of_row(out, {"pid": record.life, "tid": tid}))
        if record.is_span:
            row.take_span(record, symbols)
        else:
            row.take_moment(record, symbols, trace.head["in"])
    out.sort(key=lambda event: (event["ts"], -event.get("dur", 0)))
    marks = list(region_events(trace, names))
    end = max((record.end for record in trace.records), default=0)
    return list(metadata(trace, rows)) + out + marks + close_open_regions(marks, end)


def document(trace, symbols, names, about):
    """The whole file, to be written with the json library."""
    return {"traceEvents": events_of(trace, symbols, names), "displayTimeUnit": "ns",
            "otherData": {"unit": "one nanosecond shown is one tick; under Bochs an emulated instruction",
                          "lost": trace.head["lost"], **about}}
