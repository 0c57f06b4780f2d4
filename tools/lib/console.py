"""Reading a serial console: the `@` lines of docs/formats.md, and the verdict that follows."""
import json
import re
from dataclasses import dataclass, field

LINE = re.compile(r"^(?:\(XEN\) )?(?:\[([A-Za-z0-9_-]+)\] )?@([a-z]+) (\{.*\})\s*$")


@dataclass
class Speaker:
    """What one domain said, or natively the guest."""
    guest: dict = None  # its @guest line
    figures: dict = field(default_factory=dict)  # name -> @figure
    checks: list = field(default_factory=list)  # @check lines, all of them failures
    attacks: list = field(default_factory=list)  # @attack lines
    done: dict = None  # its @done line
    lives: list = field(default_factory=list)  # @domain lines
    ledger: dict = field(default_factory=dict)  # counters of all lives together
    regions: dict = field(default_factory=dict)  # region -> {"opened": n, "counters": {...}}


@dataclass
class Console:
    """A whole console, sorted by who spoke."""
    boot: dict = None  # @boot
    machine: dict = None  # @machine
    faults: list = field(default_factory=list)  # @violation, @panic, and lines that cannot be read
    speakers: dict = field(default_factory=dict)  # domain's name, "" natively -> Speaker

    def speaker(self, name):
        """The domain of that name."""
        return self.speakers.setdefault(name, Speaker())


def add_counters(into, more):
    """Adds {"counter": {"n":, "ticks":}} objects together."""
    for name, cell in more.items():
        have = into.setdefault(name, {"n": 0, "ticks": 0})
        have["n"] += cell["n"]
        have["ticks"] += cell["ticks"]


def take_ledger(speaker, line):
    """One @ledger line. A long ledger comes on several lines, each with the same `opened`."""
    if line["region"] is None:
        add_counters(speaker.ledger, line["counters"])
        return
    region = speaker.regions.setdefault(str(line["region"]), {"opened": line["opened"], "counters": {}})
    add_counters(region["counters"], line["counters"])


def take(console, name, word, line):
    """One machine-readable line."""
    if word == "boot":
        console.boot = line
    elif word == "machine":
        console.machine = line
    elif word in ("violation", "panic"):
        console.faults.append(f"{word}: {line.get('what')}")
    elif word == "lab":
        console.faults.append(f"exercise {line['missing']} is not written yet")
    elif word == "domain":
        console.speaker(line["domain"]).lives.append(line)
        judge_attack_end(console.speaker(line["domain"]), line)
    elif word == "ledger":
        take_ledger(console.speaker(line["domain"]), line)
    elif word == "guest":
        console.speaker(name).guest = line
    elif word == "figure":
        console.speaker(name).figures[line["name"]] = line
    elif word == "check":
        console.speaker(name).checks.append(line)
    elif word == "attack":
        console.speaker(name).attacks.append(line)
    elif word == "done":
        console.speaker(name).done = line


def judge_attack_end(speaker, end):
    """An attack that was to end the life: did it, for the announced reason?"""
    last = speaker.attacks[-1] if speaker.attacks else None
    if last is None or "ok" in last:
        return
    last["got"] = f"{end['reason']}: {end['detail']}"
    last["ok"] = end["reason"] == last["expect"] and last.get("detail", "") in end["detail"]


def parse(text):
    """Reads a console."""
    console = Console()
    for raw in text.splitlines():
        match = LINE.match(raw)
        if not match:
            continue
        name, word, body = match.groups()
        try:
            take(console, "" if name in (None, "trivisor") else name, word, json.loads(body))
        except (ValueError, KeyError, TypeError) as error:
            console.faults.append(f"unreadable line ({error}): {raw[:120]}")
    return console


def verdict(console, under):
    """What is wrong with this run, as sentences; none: it is green. `under` as in columns.Column."""
    wrong = list(console.faults)
    for name, speaker in console.speakers.items():
        who = name or "the guest"
        attacks = {attack["name"] for attack in speaker.attacks}  # a failed attack fails a check of its name, too
        wrong += [f"{who}: {c['what']}: expected {c.get('expected')}, got {c.get('got')}" for c in speaker.checks
                  if c["what"] not in attacks]
        wrong += [f"{who}: attack {a['id']} ({a['name']}): expected {a['expect']}, got {a.get('got', 'no answer')}"
                  for a in speaker.attacks if not a.get("ok")]
        if speaker.done is None:
            wrong.append(f"{who}: did not come to its end")
        elif not speaker.done["ok"] and not speaker.checks:
            wrong.append(f"{who}: says that it failed")
        wrong += [f"{who}: life {life['life']} ended unexpectedly: {life['reason']} {life['detail']}"
                  for life in speaker.lives if not life["expected"]]
    if not console.speakers:
        wrong.append("no guest said anything")
    if under == "trivisor" and console.machine is None:
        wrong.append("the hypervisor did not come to its end")
    elif under == "trivisor" and not console.machine["ok"] and not wrong:
        wrong.append("the hypervisor says that not all went well")
    return wrong
