"""The comparison table, from run records."""

NO_MEANING = "-"
NOTES = {
    "linux": "linux: Debian's kernel on its quick command line, from its own entry point to its shell; then guests/linux/check.",
    "hello": "boot: from power-on, firmware and GRUB included; under xen-pvh from the domain's creation, where its TSC begins.",
    "hostile": "attacks: those listed; 100,000 random calls or instructions come on top. Each must end as it says.",
    "walk": "walk: a TLB miss costs no emulated instruction, so no column can differ here. On real hardware a miss "
            "under ept walks two tables at once (up to 24 loads for 4), under shadow and pv one.",
}
UNIT = ("Ticks are emulated instructions (Bochs, one tick each), the hypervisor's included; what hardware adds to an "
        "exit is not in them.")


# A figure that times only a part of its operation (the way in, not back) has no share of its own.
WHOLE = 1.005


def operations(record, figure):
    """(exits per operation, share of the time inside the hypervisor or None), or None: no ledger."""
    region = record["regions"].get(str(figure.get("region")))
    ops = figure.get("ops")
    if region is None or not ops:
        return None
    # A counter without a count holds the ticks of the region mark's own way out: not the operation's.
    entries = [cell for name, cell in region["counters"].items() if name.startswith(("exit_", "hc_")) and cell["n"]]
    inside = sum(cell["ticks"] for cell in entries)
    total = ops * figure["ticks"]
    share = inside / total if total else 0.0
    return sum(cell["n"] for cell in entries) / ops, share if share <= WHOLE else None


def number(value):
    """Few digits for a person: 0.25, 3, 17."""
    if value == 0 or value >= 100 or value == round(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(record, name, native):
    """One figure in one column: `ticks ratio exits share`, as a list of four strings."""
    figure = record["figures"].get(name) if record else None
    if figure is None:
        return ["", "", "", ""]
    if "none" in figure:
        return [NO_MEANING, "", "", ""]
    ratio, exits, share = "", "", ""
    if native and "none" not in native and record["column"] != "native" and figure["unit"] == "ticks":
        ratio = f"{figure['ticks'] / native['ticks']:.2f}" if native["ticks"] else ""
    done = operations(record, figure)
    if done:
        exits, share = number(done[0]), "" if done[1] is None else f"{100 * done[1]:.0f}%"
    return [str(figure["ticks"]) + ("" if figure["unit"] == "ticks" else " " + figure["unit"]), ratio, exits, share]


def shown(column):
    """How many of a column's four numbers exist: natively there is nothing to compare with."""
    return {"native": 1, "xen-pv": 2, "xen-pvh": 2}.get(column, 4)


def rows(records, columns):
    """(guest, figure, cells by column) in order; records: {(guest, column): record}."""
    for guest in dict.fromkeys(guest for guest, _ in records):
        mine = {column: records.get((guest, column)) for column in columns}
        figures = dict.fromkeys(name for record in mine.values() if record for name in record["figures"])
        for name in figures:
            native = (mine.get("native") or {"figures": {}})["figures"].get(name)
            yield guest, name, [cell(mine[column], name, native)[:shown(column)] for column in columns]


def footnotes(records):
    """Why a figure has no meaning in a column."""
    reasons = {}
    for (guest, column), record in records.items():
        for name, figure in record["figures"].items():
            if "none" in figure:
                reasons.setdefault((guest, name, figure["none"]), []).append(column)
    for (guest, name, why), where in reasons.items():
        yield f"{NO_MEANING} {guest}/{name} in {', '.join(where)}: {why}"


def render(records, columns):
    """The table as text."""
    heads = [["ticks", "x native", "exits", "inside"][:shown(column)] for column in columns]
    lines = [(guest, name, cells) for guest, name, cells in rows(records, columns)]
    widths = [[max([len(head)] + [len(cells[i][j]) for _, _, cells in lines]) for j, head in enumerate(group)]
              for i, group in enumerate(heads)]
    left = max([6] + [len(f"  {name}") for _, name, _ in lines])

    def join(groups):
        return " | ".join(" ".join(text.rjust(width) for text, width in zip(group, sizes))
                          for group, sizes in zip(groups, widths))
    spans = [sum(sizes) + len(sizes) - 1 for sizes in widths]
    out = [" " * left + " | " + " | ".join(column.center(span) for column, span in zip(columns, spans)),
           "figure".ljust(left) + " | " + join(heads),
           "-" * left + "-+-" + "-+-".join("-" * span for span in spans)]
    last = None
    for guest, name, cells in lines:
        if guest != last:
            out.append(guest.ljust(left) + " | " + " | ".join(" " * span for span in spans))
            last = guest
        out.append(f"  {name}".ljust(left) + " | " + join(cells))
    out = [line.rstrip() for line in out] + ["", UNIT,
           "exits: exits or hypercalls an operation. inside: share of the time that is spent in the hypervisor."]
    out += [NOTES[guest] for guest in dict.fromkeys(guest for guest, _ in records) if guest in NOTES]
    return "\n".join(out + list(footnotes(records)))
