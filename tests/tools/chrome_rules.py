"""The rules of Chrome's trace-event format ("Trace Event Format", the JSON object form), as far as the project
writes it: what a viewer relies on."""
import numbers

NUMBER_KEYS = ("ts", "dur")
PHASES = {"X": {"ts", "dur", "name", "cat"}, "i": {"ts", "name", "s"}, "b": {"ts", "name", "cat", "id"},
          "e": {"ts", "name", "cat", "id"}, "M": {"name", "args"}}
METADATA = {"process_name", "thread_name"}


def of_event(event):
    """What is wrong with one event alone."""
    phase = event.get("ph")
    if phase not in PHASES:
        return [f"phase {phase!r}"]
    wrong = [f"{phase} without {key}" for key in sorted(PHASES[phase] | {"pid", "tid"}) if key not in event]
    wrong += [f"{key} is {event[key]!r}" for key in ("pid", "tid") if not isinstance(event.get(key), int)]
    for key in NUMBER_KEYS:
        if key in event and (not isinstance(event[key], numbers.Real) or isinstance(event[key], bool) or event[key] < 0):
            wrong.append(f"{key} is {event[key]!r}")
    if not isinstance(event.get("args", {}), dict):
        wrong.append("args is no object")
    if phase == "M" and (event.get("name") not in METADATA or not isinstance(event.get("args", {}).get("name"), str)):
        wrong.append(f"metadata {event.get('name')!r}")
    if phase == "i" and event.get("s") not in ("t", "p", "g"):
        wrong.append(f"scope {event.get('s')!r}")
    return wrong


def nesting(events):
    """Complete events of a row must lie inside each other or apart."""
    wrong, rows = [], {}
    for event in events:
        if event["ph"] == "X":
            begin = round(event["ts"] * 1000)
            rows.setdefault((event["pid"], event["tid"]), []).append((begin, begin + round(event["dur"] * 1000), event["name"]))
    for row, spans in rows.items():
        spans.sort(key=lambda span: (span[0], -span[1]))
        open_ends = []
        for begin, end, name in spans:
            while open_ends and open_ends[-1][0] <= begin:
                open_ends.pop()
            if open_ends and end > open_ends[-1][0]:
                wrong.append(f"row {row}: {name} at {begin} ends after {open_ends[-1][1]}, in which it began")
            open_ends.append((end, name))
    return wrong


def pairing(events):
    """Each beginning of an asynchronous event has its end, later."""
    wrong, opened = [], {}
    for event in events:
        key = (event["pid"], event.get("cat"), event.get("id"))
        if event["ph"] == "b":
            if key in opened:
                wrong.append(f"{event['name']} begins twice")
            opened[key] = event["ts"]
        elif event["ph"] == "e" and opened.pop(key, float("inf")) > event["ts"]:
            wrong.append(f"{event['name']} ends before it begins")
    return wrong + [f"{key} never ends" for key in opened]


def naming(events):
    """Each process and row has its name, once."""
    names = [(event["name"], event["pid"], event["tid"] if event["name"] == "thread_name" else 0)
             for event in events if event["ph"] == "M"]
    wrong = [f"{name} given twice" for name in set(names) if names.count(name) > 1]
    rows = {(event["pid"], event["tid"]) for event in events if event["ph"] in "Xi"}
    return wrong + [f"row {row} has no name" for row in sorted(rows) if ("thread_name", *row) not in names]


def check(document):
    """Everything that is wrong with a document; [] if a viewer can open it."""
    events = document.get("traceEvents")
    if not isinstance(events, list):
        return ["no traceEvents"]
    wrong = [f"event {number}: {what}" for number, event in enumerate(events) for what in of_event(event)]
    if document.get("displayTimeUnit") not in ("ms", "ns"):
        wrong.append("displayTimeUnit")
    return wrong or nesting(events) + pairing(events) + naming(events)
