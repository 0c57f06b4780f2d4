"""Linux's figures: its shell can only say what the TSC was when a thing was done. And the ceilings of the issue: what Linux
may take in each column."""
import json

STEPS = [("to_the_shell", "shell_reached"), ("200_forks", "forks_done"), ("pipe_and_md5", "md5_done")]
CLOCK_PPM = 10_000  # how far its clock may be from the machine's: 1%
CEILINGS = "tests/bench/ceilings.json"
FORKS = 100  # of busybox true, and twice as many in a second boot
MORE = "linux-forks"  # the second boot's name among the records


def clock_error(moment, khz):
    """How far the kernel's clock was from the TSC's rate, in millionths."""
    expected = moment["ticks"] * 1e6 / khz  # in ns
    return round(abs(moment["ns"] - expected) * 1e6 / expected)


def since(moments, entered, khz):
    """{figure: ticks that it took} from {moment: TSC}, each counted from the moment before it, the first from the
    kernel's entry; and how good the kernel's clock was."""
    figures, last = {}, entered
    for name, moment in STEPS:
        if moment in moments:
            now = moments[moment]["ticks"]
            figures[name] = {"name": name, "unit": "ticks", "ticks": now - last}
            last = now
    if "true_done" in moments:
        took = moments["true_done"]["ticks"] - moments["true_begins"]["ticks"]
        figures["fork_exec_wait"] = {"name": "fork_exec_wait", "unit": "ticks",
                                     "ticks": took // moments["true_count"]["ticks"]}
    if "clock" in moments and khz:
        figures["clock_error"] = {"name": "clock_error", "unit": "ppm", "ticks": clock_error(moments["clock"], khz)}
    return figures


def wrong(figures):
    """What of Linux's figures is a failure."""
    error = figures.get("clock_error", {"ticks": 0})["ticks"]
    return [f"its clock is {error} ppm from the machine's, more than {CLOCK_PPM}"] if error > CLOCK_PPM else []


def exits(record):
    """All exits of a run."""
    return sum(cell["n"] for name, cell in record["ledger"].items() if name.startswith("exit_"))


def measured(item, records):
    """An item's value from {(guest, column): record}, or None."""
    mine = records.get(("linux", item["column"]))
    if not mine or not mine["ok"]:
        return None
    if item["figure"] == "hypervisor_ticks":
        return sum(life["hypervisor_ticks"] for life in mine["domains"])
    if item["figure"] == "fork_exits":
        more = records.get((MORE, item["column"]))
        return (exits(more) - exits(mine)) // FORKS if more and more["ok"] else None
    native = records.get(("linux", "native"))
    if not native or not native["ok"]:
        return None
    return round(mine["figures"][item["figure"]]["ticks"] / native["figures"][item["figure"]]["ticks"], 3)


def beside_ceilings(records):
    """[{what, column, value or None, ceiling, ok}] for all columns that ran."""
    with open(CEILINGS, encoding="utf-8") as file:
        items = json.load(file)["linux"]
    result = []
    for item in items:
        needed = [("linux", item["column"])]
        needed += {"fork_exits": [(MORE, item["column"])], "to_the_shell": [("linux", "native")]}.get(item["figure"], [])
        if all(key in records for key in needed):
            value = measured(item, records)
            result.append({"what": item["what"], "column": item["column"], "value": value, "ceiling": item["ceiling"],
                           "ok": value is not None and value <= item["ceiling"]})
    return result


def render(lines):
    """The same for a person."""
    out = ["Linux beside its ceilings:"]
    for line in lines:
        value = "not measured" if line["value"] is None else f"{line['value']:,}"
        mark = "" if line["ok"] else "  MISSED"
        out.append(f"  {line['column']:6} {line['what']:58} {value:>12} of {line['ceiling']:,}{mark}")
    return "\n".join(out)

