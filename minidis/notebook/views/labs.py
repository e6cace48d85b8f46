"""What the views of a lab share: a time that can go back, and names for addresses and ids.

The lab records every message, every fault and every change of a node's standing with its time
(minidis/drivers/simulation/record.py, standings.py), so a view of three seconds ago is looked up and need
not be played again. `do("time", 3.2)` looks back, `do("time", None)` at the present; `do("back")` and
`do("on")` go from change to change.

Read next: topologies.py.
"""

from __future__ import annotations

import re
from typing import Any

from minidis.drivers.simulation.lab import Lab
from minidis.notebook.views.view import View, button, slider


class LabView(View):
    """A view of a lab at a time: the present, unless somebody goes back."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(None)
        self.lab = lab
        self._looks_at_us: int | None = None

    @property
    def time_us(self) -> int:
        """The time looked at, unix microseconds."""
        return self.lab.now_us if self._looks_at_us is None else self._looks_at_us

    def seconds(self, time_us: int) -> float:
        """Seconds since the lab began."""
        return (time_us - self.lab.started_us) / 1_000_000

    def clock(self) -> dict[str, Any]:
        """The time, as plain data of a snapshot."""
        return {
            "time_s": self.seconds(self.time_us),
            "now_s": self.lab.now_s,
            "is_past": self._looks_at_us is not None,
        }

    def time_controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        """The slider, and buttons from change to change."""
        most_s = round(data["now_s"], 3)
        return [
            slider("time", "time", round(data["time_s"], 3), 0, most_s, 0.001, " s", "go back, and on again"),
            button("back", "◀ change", "to the change before"),
            button("on", "change ▶", "to the next change", disabled=not data["is_past"]),
        ]

    def on_time(self, seconds: float | None) -> None:
        """Look at this time; None, or the slider's right end: at the present."""
        self._looks_at_us = None
        if seconds is not None and float(seconds) < round(self.lab.now_s, 3):
            self._looks_at_us = self.lab.started_us + round(max(0.0, float(seconds)) * 1_000_000)

    def on_back(self, value: Any = None) -> None:
        """To the last change before."""
        before = [time_us for time_us in self.lab.record.standings.moments_us() if time_us < self.time_us]
        self._looks_at_us = before[-1] if before else self.lab.started_us

    def on_on(self, value: Any = None) -> None:
        """To the next change; after the last one, to the present."""
        moments_us = self.lab.record.standings.moments_us()
        self._looks_at_us = next((time_us for time_us in moments_us if time_us > self.time_us), None)


def when(data: dict[str, Any]) -> str:
    """The time of a snapshot, for a heading."""
    return f"at {data['time_s']:.3f} s" + (f" (now: {data['now_s']:.3f} s)" if data["is_past"] else "")


def name_of(lab: Lab, address: tuple[str, int] | None) -> str:
    """The host at an address; the address itself where there is none."""
    if address is None:
        return ""
    host = lab.wires.find_host(address[0])
    return host.name if host is not None else f"{address[0]}:{address[1]}"


class Names:
    """Replaces addresses and ids of the lab's nodes by their names."""

    def __init__(self, lab: Lab) -> None:
        self.by_word = {host.ip: name for name, host in lab.wires.hosts.items()}
        for name, process in lab.processes.items():
            self.by_word[process.node.run_id] = name
            sentinel = getattr(process.node, "sentinel", None)
            if sentinel is not None:
                self.by_word[sentinel.my_id] = name
        self.by_word |= lab.record.node_names()

    def put_into(self, text: str) -> str:
        """The text with names in the place of what they stand for."""
        return _ADDRESS_OR_ID.sub(lambda found: self.by_word.get(found[0], found[0]), text)


_ADDRESS_OR_ID = re.compile(r"\b(?:\d+\.\d+\.\d+\.\d+|[0-9a-f]{40})\b")
