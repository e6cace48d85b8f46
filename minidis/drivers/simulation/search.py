"""Search: thousands of seeds for one history that breaks a promise, and the shortest way to it.

    def scenario(lab):                       builds nodes and clients, then answers the check
        lab.nodes("a", "b") ...
        return lambda: None if digests_agree() else "b is not like a"

    finding = search(scenario, seeds=range(1000))
    print(finding.transcript())

A seed decides everything: what the network does by itself, and which faults befall the nodes when.
`search` plays one seed after the other; after the last fault all is healed, whoever is down is started,
and when things had time to settle, the check says what is broken, or None.

A history with fourteen faults explains nothing. So faults are taken out, one after the other, and the
history played again each time: what is left is needed, all of it. The finding is its seed and its list of
faults; `play` repeats it to the byte.

Some promises must hold whenever one looks ("nothing that was acknowledged is lost"); others must come true
in time ("all hold the same"). For the latter, `eventually=True` looks each second, and a history ends as soon
as the promise is kept: most do so within a few virtual seconds. Messages are kept only of what is shown.

Mirrors: nothing in Redis; property testing's shrinking (QuickCheck), on faults.
Complexity: one run for each seed, and about faults squared for shrinking.

>>> def scenario(lab):
...     node = lab.node("a")
...     return lambda: "a was started twice" if node.starts > 1 else None
>>> finding = search(scenario, range(100))
>>> finding.broken, [fault.action for fault in finding.faults]
('a was started twice', ['kill'])

Read next: tests/scenarios for what was found.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from minidis.drivers.simulation.lab import Lab

Check = Callable[[], str | None]
Scenario = Callable[[Lab], Check]

DURATION_S = 20.0
SETTLE_S = 60.0
LOOK_EVERY_S = 0.9  # not in step with anything that happens each second
MOST_FAULTS = 8


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong: when (seconds since the lab began), what, to whom."""

    at_s: float
    action: str
    arguments: tuple[str, ...] = ()

    def apply(self, lab: Lab) -> None:
        """Let it happen, if it still makes sense: nobody is killed twice."""
        name = self.arguments[0] if self.arguments else ""
        process = lab.processes.get(name) or lab.machines.get(name)
        if process is not None:
            if self.action in ("kill", "power_cut", "pause", "clock_step") and not process.running:
                return
            if self.action == "restart" and process.running:
                return
            if self.action == "resume" and not process.paused:
                return
        getattr(lab, self.action)(*self.arguments)

    def __str__(self) -> str:
        return f"{self.at_s:.3f} {self.action} {' '.join(self.arguments)}".rstrip()


def read_fault(line: str) -> Fault:
    """A fault as it is printed.

    >>> read_fault("1.500 partition a")
    Fault(at_s=1.5, action='partition', arguments=('a',))
    """
    at, action, *arguments = line.split()
    return Fault(float(at), action, tuple(arguments))


@dataclass(slots=True)
class Finding:
    """A history that breaks a promise."""

    seed: int
    faults: list[Fault]
    broken: str
    lab: Lab

    def transcript(self, messages: bool = False) -> str:
        """The faults, and what came of them; with `messages` every message between the nodes too."""
        nodes = set(self.lab.processes) if messages else set()
        lines = [f"seed {self.seed}: {self.broken}", *map(str, self.faults), ""]
        return "\n".join([*lines, *self.lab.record.lines(between=nodes)])


def search(
    scenario: Scenario,
    seeds: Iterable[int],
    duration_s: float = DURATION_S,
    most_faults: int = MOST_FAULTS,
    kinds: Iterable[str] | None = None,
    shrinks: bool = True,
    settle_s: float = SETTLE_S,
    eventually: bool = False,
    make_lab: Callable[[int], Any] = Lab,
) -> Finding | None:
    """The first seed whose history breaks the check, with no fault too many; None if none does.

    `make_lab(seed)` may make a lab with redis-py clients (minidis.Lab).
    """
    options: dict[str, Any] = {"duration_s": duration_s, "settle_s": settle_s, "eventually": eventually}
    options["make_lab"] = make_lab
    replay: Callable[..., Finding | None] = partial(play, scenario, **options)
    for seed in seeds:
        finding = play_seed(scenario, seed, most_faults, kinds, **options)
        if finding is not None:
            faults = shrink(replay, finding) if shrinks else finding.faults
            return replay(seed, faults)
    return None


def play_seed(
    scenario: Scenario,
    seed: int,
    most_faults: int = MOST_FAULTS,
    kinds: Iterable[str] | None = None,
    duration_s: float = DURATION_S,
    **options: Any,
) -> Finding | None:
    """The history of a seed, with the faults that it draws; no message is kept.  `options`: see `play`."""
    lots = random_module.Random(f"{seed}/faults")
    draw = partial(random_faults, lots, duration_s=duration_s, most=most_faults, kinds=kinds)
    return play(scenario, seed, draw, duration_s, keeps_messages=False, **options)


def play(
    scenario: Scenario,
    seed: int,
    faults: list[Fault] | Callable[[list[str]], list[Fault]],
    duration_s: float = DURATION_S,
    settle_s: float = SETTLE_S,
    eventually: bool = False,
    keeps_messages: bool = True,
    make_lab: Callable[[int], Any] = Lab,
) -> Finding | None:
    """One history: the faults at their times, then healing, then the check.

    `faults` may be a function that draws them when it knows the names of nodes, and of machines with tasks.
    The check must hold after `settle_s`, or (`eventually`) at some time until then.  Without its messages a
    history is the same, and plays faster.
    """
    lab = make_lab(seed)
    lab.record.keeps_messages = keeps_messages
    check = scenario(lab)
    if callable(faults):
        faults = faults([*lab.processes, *lab.machines])
    for fault in sorted(faults, key=lambda fault: fault.at_s):
        lab.run(max(0.0, fault.at_s - lab.now_s))
        fault.apply(lab)
    lab.run(max(0.0, duration_s - lab.now_s))
    lab.heal()
    for name, process in lab.processes.items():
        if not process.running:
            lab.restart(name)
    broken = _settle(lab, check, settle_s, eventually)
    lab.end_tasks()
    return None if broken is None else Finding(seed, faults, broken, lab)


def _settle(lab: Lab, check: Check, settle_s: float, eventually: bool) -> str | None:
    until_s = lab.now_s + settle_s
    while eventually and lab.now_s < until_s:
        if check() is None:
            return None
        lab.run(LOOK_EVERY_S)
    lab.run(max(0.0, until_s - lab.now_s))
    return check()


def shrink(replay: Callable[..., Finding | None], finding: Finding) -> list[Fault]:
    """The faults that are needed: without one of them `replay(seed, faults)` finds nothing."""
    faults, at = finding.faults, 0
    while at < len(faults):
        fewer = faults[:at] + faults[at + 1 :]
        if replay(finding.seed, fewer, keeps_messages=False) is None:
            at += 1
        else:
            faults = fewer
    return faults


# ---- faults by lot ----------------------------------------------------------------------------------------

# name -> the fault and, some time later, its end
_KINDS: dict[str, tuple[str, str]] = {
    "partition": ("partition", "heal"),
    "cut": ("cut", "heal"),
    "delay": ("delay", "heal"),
    "drop": ("drop", ""),
    "pause": ("pause", "resume"),
    "kill": ("kill", "restart"),
    "power_cut": ("power_cut", "restart"),
    "clock_step": ("clock_step", ""),
}
KINDS = tuple(_KINDS)


def random_faults(
    random: random_module.Random,
    names: list[str],
    duration_s: float,
    most: int = MOST_FAULTS,
    kinds: Iterable[str] | None = None,
) -> list[Fault]:
    """Up to `most` faults within the time, each with its end where it has one."""
    faults: list[Fault] = []
    usable = [kind for kind in (kinds or KINDS) if len(names) > 1 or kind not in _OF_TWO]
    for _ in range(random.randint(1, most)):
        kind = random.choice(usable)
        action, end = _KINDS[kind]
        at_s = round(random.uniform(0.5, duration_s), 3)
        arguments = _arguments(random, kind, names)
        faults.append(Fault(at_s, action, arguments))
        if end:
            until_s = round(at_s + random.expovariate(1 / 3.0), 3)
            faults.append(Fault(until_s, end, () if end == "heal" else arguments[:1]))
    return sorted(faults, key=lambda fault: fault.at_s)


_OF_TWO = ("partition", "cut", "delay", "drop")


def _arguments(random: random_module.Random, kind: str, names: list[str]) -> tuple[str, ...]:
    one = random.choice(names)
    if kind not in _OF_TWO:
        return (one, f"{random.choice((-30, -3, 3, 30))}s") if kind == "clock_step" else (one,)
    if kind == "partition":
        return (one,)
    other = random.choice([name for name in names if name != one])
    return (one, other, f"{random.choice((20, 200, 2000))}ms") if kind == "delay" else (one, other)


def describe_faults(faults: list[Fault]) -> list[dict[str, Any]]:
    """The record of faults as plain data, for a file."""
    return [{"at_s": fault.at_s, "action": fault.action, "arguments": [*fault.arguments]} for fault in faults]
