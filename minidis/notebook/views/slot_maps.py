"""The map of the 16384 slots: 128 rows of 128, each in its owner's colour, as one node of a cluster sees it.

    0    aaaaaaaaaaaaaaaaaaaa     a  n1   0-5460
    128  aaaaaaaaaaaaaaaaaaaa     b  n2   5461-10922
    ...  bbbbbbbbbbbbbbbbbbbb     c  n3   10923-16383

    slot 2780 is on its way from n1 to n2
       still at n1     already at n2
       user:9          user:7  user:8

A slot on its way is shown key by key: the very keys that each of the two nodes holds now. Type a key, and its
slot is marked.

A lab's map can be looked at as it was: `do("time", 12.5)`.

Read next: minidis/distributed/cluster/state.py, whose data this is.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from minidis.distributed.cluster.slots import show_range, slot_of
from minidis.drivers.embedded import Embedded
from minidis.drivers.simulation.lab import Lab
from minidis.engine.node import Node
from minidis.notebook.views.clusters import ClusterView
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.labs import when
from minidis.notebook.views.view import text_field
from minidis.palette import ROLES

ROW = 128
CELL = 3.5
LEFT, TOP = 56.0, 52.0
SIDE = LEFT + ROW * CELL + 24
MOST_KEYS = 12
MOST_RANGES = 3


class SlotMapView(ClusterView):
    """Who serves which slot, for one node (`seen_by`, of a lab), now or then."""

    def __init__(
        self, source: Lab | Embedded | Node, seen_by: str = "", key: str | bytes | None = None
    ) -> None:
        super().__init__(source)
        self.seen_by = seen_by
        self.key = key.encode() if isinstance(key, str) else key

    def on_key(self, key: str) -> None:
        """Mark the slot of a key; an empty one marks none."""
        self.key = key.encode() or None

    def on_seen_by(self, name: str) -> None:
        """Look through the eyes of another node of the lab."""
        self.seen_by = name

    def snapshot(self) -> dict[str, Any]:
        held = self.held_by_each()
        seen_by = self.seen_by or self.first_running()
        if seen_by not in held:
            raise ValueError(f"no node of the cluster is called {seen_by!r}; there are {', '.join(held)}")
        mine = held[seen_by]
        ids = mine.owners()
        names = {identity: self.name_of(identity) for identity in set(ids)}
        owners = [names[identity] for identity in ids]
        moving = [
            {"slot": slot, "from": seen_by, "to": self.name_of(target)} for slot, target in mine.migrating
        ] + [{"slot": slot, "from": self.name_of(source), "to": seen_by} for slot, source in mine.importing]
        for move in moving:
            for side in ("from", "to"):
                there = held.get(move[side])
                keys = dict(there.keys).get(move["slot"], ()) if there is not None else ()
                move[f"keys_{side}"] = sorted(label(key) for key in keys)
        chosen = None
        if self.key is not None:
            slot = slot_of(self.key)
            chosen = {"key": label(self.key), "slot": slot, "owner": owners[slot]}
        runs = runs_of(owners)
        return {**self.clock(), "seen_by": seen_by, "runs": runs, "moving": moving, "chosen": chosen}

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        shown = "" if self.key is None else label(self.key)
        return [*self.time_controls(data), text_field("key", "key", shown, "mark the slot of a key")]

    # -- the picture ------------------------------------------------------------------------------

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        canvas.heading(
            "the map of slots",
            f"as {data['seen_by']} sees it{_then(data)}: one dot for each slot, 128 in a row",
        )
        owners = _owners(data)
        for number, owner in enumerate(owners):
            self._draw_owner(canvas, data, owner, ROLES[number % len(ROLES)])
        self._draw_owner(canvas, data, "", "none")
        for row in range(0, ROW, 16):
            canvas.text(LEFT - 8, TOP + row * CELL + 8, str(row * ROW), "m t-dim", 9.5, "end")
        canvas.bottom = max(canvas.bottom, TOP + ROW * CELL + 4)
        y = self._draw_legend(canvas, data, owners)
        for move in data["moving"]:
            self._mark(canvas, move["slot"])
            y = self._draw_move(canvas, move, y)
        if data["chosen"] is not None:
            self._mark(canvas, data["chosen"]["slot"])
            key, _, where = _of_key(data["chosen"]).rpartition(": ")
            canvas.text(SIDE, y + 14, key, "m b", 11.5)
            canvas.text(SIDE, y + 29, where, "", 11.5)
        return canvas

    def _draw_owner(self, canvas: Canvas, data: dict[str, Any], owner: str, role: str) -> None:
        """All slots of an owner as one path: a rectangle for each part of a row."""
        commands = []
        for first, last, name in data["runs"]:
            if name != owner:
                continue
            for row in range(first // ROW, last // ROW + 1):
                begin, end = max(first, row * ROW) % ROW, min(last, row * ROW + ROW - 1) % ROW
                x, y, width = LEFT + begin * CELL, TOP + row * CELL, (end - begin + 1) * CELL
                commands.append(f"M{x:g} {y:g}h{width:g}v{CELL - 0.5:g}h{-width:g}z")
        if commands:
            note = f"{owner or 'nobody'}: {_ranges_text(data, owner)}"
            with canvas.group(note=note, key=f"owner-{owner}"):
                canvas.raw(f'<path d="{"".join(commands)}" class="f-{role}" stroke-width=".4"/>', TOP)

    def _draw_legend(self, canvas: Canvas, data: dict[str, Any], owners: list[str]) -> float:
        y = TOP + 4
        for number, owner in enumerate([*owners, ""]):
            if not _count(data, owner):
                continue
            role = ROLES[number % len(ROLES)] if owner else "none"
            canvas.box(SIDE, y, 14, 14, role)
            canvas.text(
                SIDE + 22, y + 11, f"{owner or 'nobody'}: {count_of(_count(data, owner), 'slot')}", "b", 12
            )
            canvas.text(SIDE + 22, y + 25, _ranges_text(data, owner), "m", 10)
            y += 38
        return y

    def _draw_move(self, canvas: Canvas, move: dict[str, Any], y: float) -> float:
        canvas.text(SIDE, y + 14, f"slot {move['slot']} is on its way", "b t-hot", 12)
        y += 20
        for side, words in (("from", "still at"), ("to", "already at")):
            keys = move[f"keys_{side}"]
            canvas.text(SIDE, y + 12, f"{words} {move[side]}: {count_of(len(keys), 'key')}", "", 11)
            y += 17
            for key in keys[:MOST_KEYS]:
                canvas.badge(SIDE + 8, y + 2, key, "b" if side == "from" else "c")
                y += 21
            if len(keys) > MOST_KEYS:
                canvas.text(SIDE + 8, y + 12, f"and {len(keys) - MOST_KEYS} more", "t-dim", 10.5)
                y += 17
            y += 6
        return y + 8

    def _mark(self, canvas: Canvas, slot: int) -> None:
        x, y = LEFT + slot % ROW * CELL, TOP + slot // ROW * CELL
        canvas.ring(x - 4, y - 4, CELL + 8, CELL + 8)

    # -- in words ---------------------------------------------------------------------------------

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [owner or "nobody", str(_count(data, owner)), _ranges_text(data, owner)]
            for owner in [*_owners(data), ""]
            if _count(data, owner)
        ]
        lines = [_summary(data), table_text(["node", "slots", "ranges"], rows)]
        for move in data["moving"]:
            lines.append(f"slot {move['slot']} is on its way from {move['from']} to {move['to']}")
            lines.append(f"  still at {move['from']}: {' '.join(move['keys_from']) or 'no key'}")
            lines.append(f"  already at {move['to']}: {' '.join(move['keys_to']) or 'no key'}")
        if data["chosen"] is not None:
            lines.append(_of_key(data["chosen"]))
        return "\n".join(lines)


def slot_map(source: Lab | Embedded | Node, seen_by: str = "", key: str | bytes | None = None) -> SlotMapView:
    """The 16384 slots by owner, as a node sees them; a slot on its way key by key; `key` marks its slot."""
    return SlotMapView(source, seen_by, key)


def runs_of(owners: list[Any]) -> list[list[Any]]:
    """Slots in a row with one owner: the first, the last, the owner.

    >>> runs_of(["n1", "n1", "", "n2"])
    [[0, 1, 'n1'], [2, 2, ''], [3, 3, 'n2']]
    """
    found, first = [], 0
    for owner, run in groupby(owners):
        length = sum(1 for _ in run)
        found.append([first, first + length - 1, owner])
        first += length
    return found


def _owners(data: dict[str, Any]) -> list[str]:
    return sorted({name for _, _, name in data["runs"] if name})


def _count(data: dict[str, Any], owner: str) -> int:
    return sum(last - first + 1 for first, last, name in data["runs"] if name == owner)


def _ranges_text(data: dict[str, Any], owner: str) -> str:
    ranges = [show_range(first, last) for first, last, name in data["runs"] if name == owner]
    more = len(ranges) - MOST_RANGES
    return " ".join(ranges[:MOST_RANGES]) + (
        f" and {count_of(more, 'more range', 'more ranges')}" if more > 0 else ""
    )


def _of_key(chosen: dict[str, Any]) -> str:
    return f"{chosen['key']}: slot {chosen['slot']}, served by {chosen['owner'] or 'nobody'}"


def _then(data: dict[str, Any]) -> str:
    """The time, where it is not the present."""
    return f" {when(data)}" if data["is_past"] else ""


def _summary(data: dict[str, Any]) -> str:
    owners = _owners(data)
    moving = f", {count_of(len(data['moving']), 'slot')} on the way" if data["moving"] else ""
    free = _count(data, "")
    missing = f", {free} of them served by nobody" if free else ""
    seen = f"the 16384 slots as {data['seen_by']} sees them{_then(data)}"
    return f"{seen}: {count_of(len(owners), 'owner')}{missing}{moving}"
