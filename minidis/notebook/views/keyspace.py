"""The key browser, the TTL board and the encoding badges: views of keys, not of one structure.

The TTL board shows the three lives of a key with a time to live: live; logically dead (its time has
passed, every command says it is gone, but it still fills memory); freed (by an access or by the active
cycle). Its buttons move the node's clock, so one can look at each moment as long as one likes.

Read next: minidis/engine/keyspace/expiry.py.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from heapq import nsmallest
from typing import Any, NamedTuple

from minidis.drivers.embedded import Embedded
from minidis.notebook.views.drawing import Canvas, clock_text, count_of, label, table_text
from minidis.notebook.views.sources import look, node_or_mirror, to_key
from minidis.notebook.views.structures import StructureView
from minidis.notebook.views.view import View, button, slider, text_field, toggle
from minidis.protocol.glob import matches

SHOWN_KEYS = 30
MOST_COUNTED_KEYS = 10_000  # beyond, counting types would make every drawing slow
TYPE_ROLES = {"string": "a", "list": "b", "set": "c", "zset": "d", "hash": "g", "stream": "e"}


class KeyBrowser(View):
    """The keys of a database with type, encoding, size and time to live; a click opens a key's structure."""

    polls = True

    def __init__(self, pattern: str | bytes = "*", node: Embedded | None = None, db: int = 0) -> None:
        super().__init__(node_or_mirror(node))
        self.pattern = to_key(pattern)
        self.db = db
        self.inside: StructureView | None = None

    def looked_at(self) -> tuple[list[bytes] | None, int]:
        return None, self.db

    def snapshot(self) -> dict[str, Any]:
        database = self.node.node.databases[self.db]
        now_ms = self.node.now_us // 1000
        keys = [*database.table]
        if self.pattern != b"*":
            keys = [key for key in keys if matches(self.pattern, key)]
        counted = keys if len(keys) <= MOST_COUNTED_KEYS else []
        types = Counter(look(database.table, key).kind for key in counted)
        opened = self.inside
        return {
            "title": f"keys of database {self.db}",
            "pattern": label(self.pattern),
            "count": len(keys),
            "types": dict(sorted(types.items())),
            "rows": [_row(database, key, now_ms) for key in nsmallest(SHOWN_KEYS, keys)],
            "inside": opened.snapshot() if opened is not None else None,
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(f"{data['title']}: {_key_counts(data)}")
        y = canvas.heading(data["title"], _key_counts(data)) + 16
        columns = (
            ("key", 20),
            ("type", 300),
            ("encoding", 372),
            ("length", 520),
            ("bytes", 600),
            ("time to live", 630),
        )
        for name, x in columns:
            canvas.text(x, y, name, "t-dim", 11, "end" if name in ("length", "bytes") else "start")
        for number, row in enumerate(data["rows"]):
            top = y + 8 + number * 24
            note = f"{row['key']}: {row['type']}, {row['encoding']}, {row['bytes']} bytes, {row['life']}"
            with canvas.group(note=note, event=("open", row["id"]), key=row["id"][:64]):
                canvas.box(14, top, canvas.width - 28, 22, "page", 4)
                canvas.text(20, top + 15, row["key"], "m b", 11.5)
                canvas.badge(300, top + 2, row["type"], TYPE_ROLES.get(row["type"], "f"))
                canvas.text(372, top + 15, row["encoding"], "m", 11)
                canvas.text(520, top + 15, str(row["length"]), "m", 11, "end")
                canvas.text(600, top + 15, str(row["bytes"]), "m", 11, "end")
                canvas.text(630, top + 15, row["life"], "t-hot b" if row["state"] == "dead" else "t-dim", 11)
        bottom = y + 12 + 24 * len(data["rows"])
        if data["count"] > len(data["rows"]):
            canvas.text(20, bottom + 12, f"… {data['count'] - len(data['rows'])} more keys", "t-dim", 12)
            bottom += 20
        if data["inside"] is not None and self.inside is not None:
            canvas.embed(self.inside.draw(data["inside"]), bottom + 6)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        lines = [f"{data['title']}: {_key_counts(data)}"]
        if data["rows"]:
            head = ["key", "type", "encoding", "length", "bytes", "time to live"]
            cells = [
                [row["key"], row["type"], row["encoding"], str(row["length"]), str(row["bytes"]), row["life"]]
                for row in data["rows"]
            ]
            lines.append(table_text(head, cells))
        if data["count"] > len(data["rows"]):
            lines.append(f"... {data['count'] - len(data['rows'])} more keys")
        if data["inside"] is not None and self.inside is not None:
            lines += ["", self.inside.text(data["inside"])]
        return "\n".join(lines)

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return [text_field("pattern", "pattern", data["pattern"], "as KEYS reads it: * ? [a-c]")]

    def on_pattern(self, value: str) -> None:
        self.pattern = to_key(value or "*")

    def on_open(self, value: str) -> None:
        """Show the structure of a key below the list; again: close it. `value` is the key in hex."""
        key = bytes.fromhex(value)
        is_open = self.inside is not None and self.inside.source is not None and self.inside.source.key == key
        self.inside = None if is_open else StructureView(key, self.node, self.db)

    def do(self, name: str, value: Any = None) -> View:
        """`open` (a key in hex), `pattern`, and the actions of the key that is open."""
        if hasattr(self, f"on_{name}") or self.inside is None:
            return super().do(name, value)
        self.inside.do(name, value)
        return self


def _row(database: Any, key: bytes, now_ms: int) -> dict[str, Any]:
    value = look(database.table, key)
    at_ms = look(database.expires, key) if database.expires else None
    return {
        "id": key.hex() if len(key) <= 512 else key[:512].hex(),
        "key": label(key, 32),
        "type": value.kind,
        "encoding": value.encoding,
        "length": len(value),
        "bytes": value.memory_usage(),
        "state": "lasting" if at_ms is None else "live" if now_ms <= at_ms else "dead",
        "life": _life(at_ms, now_ms),
    }


def _life(at_ms: int | None, now_ms: int) -> str:
    if at_ms is None:
        return "no limit"
    if now_ms <= at_ms:
        return f"{_seconds(at_ms - now_ms)} left"
    return f"dead for {_seconds(now_ms - at_ms)}"


def _seconds(ms: int) -> str:
    """A span of time, short.

    >>> [_seconds(ms) for ms in (0, 250, 9_990, 75_000, 900_000, 90_000_000)]
    ['0 ms', '250 ms', '9.99 s', '75 s', '15 min', '25 h']
    """
    if ms < 1000:
        return f"{ms} ms"
    seconds = ms / 1000
    if seconds < 600:
        return f"{seconds:.5g} s"
    return f"{seconds / 60:.4g} min" if seconds < 36_000 else f"{seconds / 3600:.4g} h"


def _key_counts(data: dict[str, Any]) -> str:
    types = ", ".join(f"{count} {kind}" for kind, count in data["types"].items())
    pattern = "" if data["pattern"] == "*" else f" like {data['pattern']}"
    return count_of(data["count"], "key") + pattern + (f" ({types})" if types else "")


# -- the TTL board -----------------------------------------------------------------------------


class Freed(NamedTuple):
    """A key that expired: when its time had come, and when it was freed (unix milliseconds)."""

    db: int
    key: bytes
    due_ms: int
    freed_ms: int


class ExpiryLog:
    """Remembers the keys of one node that expired; one for all boards of the node."""

    def __init__(self, node: Embedded) -> None:
        self.node = node
        self.life = node.node
        self.freed: deque[Freed] = deque(maxlen=200)
        self.deadlines: dict[tuple[int, bytes], int] = {}
        self.boards = 0
        self.stop: Callable[[], None] | None = None

    def learn(self) -> None:
        """Note the present deadlines: when a key is gone, its deadline is gone as well."""
        for database in self.node.node.databases:
            for key, at_ms in database.expires.items() if database.expires else ():
                self.deadlines[database.index, key] = at_ms

    def forget_former_life(self) -> bool:
        """True if the node was restarted since the last time; what the log knew is then gone."""
        if self.life is self.node.node:
            return False
        self.life = self.node.node
        self.freed.clear()
        self.deadlines.clear()
        return True

    def key_changed(self, database: Any, key: bytes, event: str) -> None:
        name = (database.index, key)
        if event == "expired":
            now_ms = self.node.node.now_us // 1000
            self.freed.append(Freed(*name, self.deadlines.pop(name, now_ms), now_ms))
        elif (at_ms := look(database.expires, key) if database.expires else None) is not None:
            self.deadlines[name] = at_ms
        else:
            self.deadlines.pop(name, None)


_logs: dict[int, ExpiryLog] = {}  # by id() of the node; a log keeps its node alive


def _log_of(node: Embedded) -> ExpiryLog:
    log = _logs.get(id(node))
    if log is None:
        log = _logs[id(node)] = ExpiryLog(node)
        with node.lock:
            log.learn()
            log.stop = node.node.listen_to_keys(log.key_changed)
    return log


class TtlBoard(View):
    """Keys with a time to live on a time line: live, logically dead, freed; with the node's clock in hand."""

    polls = True

    def __init__(self, pattern: str | bytes = "*", node: Embedded | None = None, db: int = 0) -> None:
        super().__init__(node_or_mirror(node))
        self.pattern = to_key(pattern)
        self.db = db
        self.log = _log_of(self.node)
        self.log.boards += 1
        self.start_us = self.node.now_us
        self.cycle: Any = None  # the last active cycle that was run from here

    def snapshot(self) -> dict[str, Any]:
        node = self.node.node
        if self.log.forget_former_life():
            self.start_us, self.cycle = self.node.now_us, None
        database = node.databases[self.db]
        now_ms = self.node.now_us // 1000
        waiting = sorted(
            (at_ms, key)
            for key, at_ms in (database.expires.items() if database.expires else ())
            if matches(self.pattern, key)
        )
        freed = [
            f
            for f in self.log.freed
            if f.db == self.db and matches(self.pattern, f.key) and f.freed_ms <= now_ms
        ]
        sampled = {key for round_ in self.cycle.rounds for key in round_.sampled} if self.cycle else set()
        rows = [_board_row(f.key, f.due_ms, now_ms, f.freed_ms, f.key in sampled) for f in freed[-8:]]
        rows += [_board_row(key, at_ms, now_ms, None, key in sampled) for at_ms, key in waiting[:SHOWN_KEYS]]
        return {
            "now_ms": now_ms,
            "clock": clock_text(now_ms),
            "frozen": self.node.is_frozen,
            "active": node.active_expiry,
            "moved_s": (self.node.now_us - self.start_us) / 1_000_000,
            "live": sum(at_ms >= now_ms for at_ms, _ in waiting),
            "dead": sum(at_ms < now_ms for at_ms, _ in waiting),
            "freed": len(freed),
            "lasting": len(database.table) - len(database.expires),
            "hidden": max(0, len(waiting) - SHOWN_KEYS),
            "rows": rows,
            "rounds": [
                [len(round_.sampled), len(round_.expired)]
                for round_ in (self.cycle.rounds if self.cycle else [])
                if round_.database == self.db
            ],
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(f"TTL board at {data['clock']}: {_board_counts(data)}")
        canvas.heading("time to live", f"clock {data['clock']} UTC{' (frozen)' if data['frozen'] else ''}")
        x = 16.0
        for count, name, role in (
            (data["live"], "live", "c"),
            (data["dead"], "logically dead", "b"),
            (data["freed"], "freed", "f"),
            (data["lasting"], "without a limit", "a"),
        ):
            x = canvas.badge(x, 42, f"{count} {name}", role)
        scale = _Scale(data)
        bottom = 96.0 + 24 * len(data["rows"])
        scale.draw_axis(canvas, 84, bottom)
        for number, row in enumerate(data["rows"]):
            _draw_board_row(canvas, row, 92 + number * 24, scale, data["now_ms"])
        if data["hidden"]:
            canvas.text(16, bottom + 14, f"… {data['hidden']} more keys with a time to live", "t-dim", 12)
            bottom += 18
        if data["rounds"]:
            canvas.text(16, bottom + 20, "last active cycle:", "b", 12)
            rounds = [f"sampled {sampled}, freed {expired}" for sampled, expired in data["rounds"]]
            canvas.text(152, bottom + 20, "; ".join(rounds[:4]) + (" …" if len(rounds) > 4 else ""), "", 12)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        lines = [
            f"time to live, clock {data['clock']} UTC{' (frozen)' if data['frozen'] else ''}: "
            f"{_board_counts(data)}"
        ]
        if data["rows"]:
            head = ["key", "state", "time"]
            rows = [[row["key"], row["state"], row["life"]] for row in data["rows"]]
            if data["rounds"]:
                head.append("sampled")
                rows = [
                    cells + ["yes" * row["sampled"]] for cells, row in zip(rows, data["rows"], strict=True)
                ]
            lines.append(table_text(head, rows))
        if data["hidden"]:
            lines.append(f"... {data['hidden']} more keys with a time to live")
        for number, (sampled, expired) in enumerate(data["rounds"], 1):
            lines.append(f"active cycle, round {number}: sampled {count_of(sampled, 'key')}, freed {expired}")
        return "\n".join(lines)

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        frozen = data["frozen"]
        moved = round(data["moved_s"], 3)
        return [
            toggle("freeze", "clock frozen", frozen),
            slider(
                "clock",
                "moved by",
                moved,
                0,
                max(60, moved + 60),
                0.5,
                " s",
                "back is a jump of the wall clock",
            ),
            button("step", "+1 s", "a step: everything that falls due on the way happens", not frozen),
            button("leap", "+10 s", "ten steps", not frozen),
            toggle(
                "active", "active cycle on", data["active"], "off: dead keys stay until someone asks for them"
            ),
            button("cycle", "run one active cycle", "samples keys and frees the dead ones it meets"),
        ]

    # -- what the buttons do

    def on_freeze(self, value: bool) -> None:
        """Stop the node's clock, or let it run by itself again."""
        if value:
            self.node.freeze()
        else:
            self.node.run()

    def on_step(self, value: float | None) -> None:
        """Move the frozen clock by `value` seconds (1)."""
        self.node.step(1 if value is None else float(value))

    def on_leap(self, value: None) -> None:
        self.node.step(10)

    def on_clock(self, value: float) -> None:
        """Put the clock `value` seconds after the board's first moment: by a step, or a jump back."""
        if not self.node.is_frozen:
            self.node.freeze()
        seconds = (self.start_us + round(float(value) * 1_000_000) - self.node.now_us) / 1_000_000
        if seconds >= 0:
            self.node.step(seconds)
        else:
            self.node.jump(self.node.now_us + round(seconds * 1_000_000))

    def on_active(self, value: bool) -> None:
        """Switch the node's own active expiry cycle on or off."""
        self.node.node.active_expiry = bool(value)

    def on_cycle(self, value: None) -> None:
        """Run one active expiry cycle now and show what it sampled."""
        node = self.node.node
        node.now_us = node.clock()
        self.cycle = node.last_cycle = node.active_cycle(node)

    def on_access(self, value: str) -> None:
        """Ask for a key (in hex): if it is dead, that frees it."""
        with self.node.lock:
            node = self.node.node
            node.now_us = node.clock()
            node.databases[self.db].find(bytes.fromhex(value))

    def close(self) -> None:
        super().close()
        self.log.boards -= 1
        if self.log.boards <= 0 and self.log.stop is not None:
            self.log.stop()
            self.log.stop = None
            _logs.pop(id(self.node), None)


def _board_row(key: bytes, due_ms: int, now_ms: int, freed_ms: int | None, sampled: bool) -> dict[str, Any]:
    if freed_ms is not None:
        state, life = "freed", f"freed {_seconds(max(0, freed_ms - due_ms))} after its time"
    elif now_ms <= due_ms:
        state, life = "live", f"{_seconds(due_ms - now_ms)} left"
    else:
        state, life = "dead", f"dead for {_seconds(now_ms - due_ms)}, not freed"
    return {
        "id": key[:512].hex(),
        "key": label(key, 20),
        "state": state,
        "life": life,
        "due_ms": due_ms,
        "freed_ms": freed_ms,
        "sampled": sampled,
    }


def _draw_board_row(canvas: Canvas, row: dict[str, Any], y: float, scale: _Scale, now_ms: int) -> None:
    event = ("access", row["id"]) if row["state"] != "freed" else None
    hint = "; a click asks for it" if event else ""
    with canvas.group(
        note=f"{row['key']}: {row['life']}{hint}", event=event, key=f"{row['state']}-{row['id'][:64]}"
    ):
        canvas.text(16, y + 14, row["key"], "m b" if row["state"] == "live" else "m t-dim", 11)
        due = scale.x(row["due_ms"])
        if row["state"] == "live":
            left, right, role, dash = scale.x(now_ms), due, "c", ""
        elif row["state"] == "dead":
            left, right, role, dash = due, scale.x(now_ms), "b", "4 3"
        else:
            left, right, role, dash = due, scale.x(row["freed_ms"]), "f", "2 3"
        canvas.box(left, y + 2, max(right - left, 3), 16, role, 3, dash)
        canvas.line(due, y, due, y + 20, role, 2)
        mark = " ● sampled" if row["sampled"] else ""
        style = f"t-{role} b" if row["state"] == "dead" else f"t-{role}"
        if right + 8 + len(row["life"] + mark) * 6 < canvas.width:
            canvas.text(right + 6, y + 14, row["life"] + mark, style, 11)
        elif left - len(row["life"] + mark) * 6 > 170:
            canvas.text(left - 6, y + 14, row["life"] + mark, style, 11, "end")
        else:
            canvas.text(right - 6, y + 14, row["life"] + mark, style, 11, "end")


class _Scale:
    """Time to pixels: the past of dead and freed keys to the left of now, the future to the right."""

    LEFT, RIGHT = 180.0, 760.0

    def __init__(self, data: dict[str, Any]) -> None:
        now_ms = data["now_ms"]
        times = [row["due_ms"] - now_ms for row in data["rows"]]
        future = max([time for time in times if time > 0] + [1000])
        past = min(max([-time for time in times if time < 0] + [0]), 3 * future)
        self.now_ms = now_ms
        self.first_ms = now_ms - past
        self.last_ms = now_ms + future
        self.span_ms = max(1, self.last_ms - self.first_ms)

    def x(self, ms: int) -> float:
        share = (min(max(ms, self.first_ms), self.last_ms) - self.first_ms) / self.span_ms
        return self.LEFT + share * (self.RIGHT - self.LEFT)

    def draw_axis(self, canvas: Canvas, top: float, bottom: float) -> None:
        tick_ms = _nice(self.span_ms / 6)
        first = -((self.now_ms - self.first_ms) // tick_ms)
        for number in range(int(first), int((self.last_ms - self.now_ms) // tick_ms) + 1):
            x = self.x(self.now_ms + number * tick_ms)
            if number == 0:
                continue
            canvas.line(x, top, x, bottom, "line", 0.6, dash="2 4")
            canvas.text(x, top - 3, f"{number * tick_ms / 1000:+g} s", "t-dim", 10, "middle")
        now = self.x(self.now_ms)
        canvas.line(now, top, now, bottom, "hot", 1.5)
        canvas.text(now, top - 3, "now", "b t-hot", 11, "middle")


def _nice(ms: float) -> int:
    """The next of 1, 2, 5, 10 ... milliseconds."""
    unit = 1
    while True:
        for factor in (1, 2, 5):
            if unit * factor >= ms:
                return unit * factor
        unit *= 10


def _board_counts(data: dict[str, Any]) -> str:
    counts = f"{data['live']} live, {data['dead']} logically dead, {data['freed']} freed"
    return f"{counts}, {data['lasting']} without a limit"


# -- encodings ---------------------------------------------------------------------------------


class EncodingView(View):
    """Type, encoding and memory of some keys (of all, if none is named); a string's allocations."""

    def __init__(self, *keys: str | bytes, node: Embedded | None = None, db: int = 0) -> None:
        super().__init__(node_or_mirror(node))
        self.names = [to_key(key) for key in keys]
        self.db = db

    def looked_at(self) -> tuple[list[bytes] | None, int]:
        return self.names or None, self.db

    def snapshot(self) -> list[dict[str, Any]]:
        table = self.node.node.databases[self.db].table
        names = self.names or sorted([*table])[:SHOWN_KEYS]
        return [_encoding_row(key, look(table, key)) for key in names]

    def draw(self, data: list[dict[str, Any]]) -> Canvas:
        canvas = Canvas(
            "; ".join(f"{row['key']}: {row['type']}, {row['encoding']}" for row in data) or "no keys"
        )
        y = canvas.heading("encodings", "TYPE, OBJECT ENCODING, and the memory of a 64-bit Redis")
        for number, row in enumerate(data):
            top = y + 8 + number * 62
            canvas.text(16, top + 14, row["key"], "m b", 12)
            x = canvas.badge(200, top, row["type"], TYPE_ROLES.get(row["type"], "f"))
            x = canvas.badge(x, top, row["encoding"], "f")
            canvas.text(x + 4, top + 14, row["detail"], "t-dim", 11.5)
            x = 200.0
            for block in row["blocks"]:
                for part in block:
                    width = max(24.0, min(190.0, part["bytes"] * 3.6), len(part["name"]) * 6.3 + 8)
                    with canvas.group(note=f"{part['name']}: {count_of(part['bytes'], 'byte')}"):
                        canvas.box(x, top + 24, width, 24, part["role"], 1)
                        canvas.text(
                            x + width / 2, top + 40, part["name"], f"m t-{part['role']}", 10, "middle"
                        )
                    x += width
                x += 26
            x = 200.0
        return canvas

    def text(self, data: list[dict[str, Any]]) -> str:
        rows = [
            [
                row["key"],
                row["type"],
                row["encoding"],
                str(row["bytes"]),
                _blocks_text(row["blocks"]) or row["detail"],
            ]
            for row in data
        ]
        return table_text(["key", "type", "encoding", "bytes", "made of"], rows)


def _encoding_row(key: bytes, value: Any) -> dict[str, Any]:
    if value is None:
        found = {"type": "none", "encoding": "-", "bytes": 0, "detail": "there is no such key", "blocks": []}
        return {"key": label(key, 22), **found}
    size = value.memory_usage()
    unit = "byte" if value.kind == "string" else "element"
    return {
        "key": label(key, 22),
        "type": value.kind,
        "encoding": value.encoding,
        "bytes": size,
        "detail": f"{count_of(len(value), unit)} of content, {count_of(size, 'byte')} of memory",
        "blocks": _string_blocks(value) if value.kind == "string" else [],
    }


def _string_blocks(value: Any) -> list[list[dict[str, Any]]]:
    """The allocations of a string: one or two blocks, each of named parts with their bytes."""

    def part(name: str, size: int, role: str) -> dict[str, Any]:
        return {"name": name, "bytes": size, "role": role}

    content = label(value.as_bytes(), 20)
    if value.encoding == "int":
        return [[part("type, encoding, lru", 8, "f"), part(f"pointer = {content}", 8, "c")]]
    length, total = len(value), value.memory_usage()
    if value.encoding == "embstr":
        parts = [
            part("object", 16, "f"),
            part("header", 3, "d"),
            part(content, length, "a"),
            part("\\0", 1, "d"),
        ]
        spare = total - 20 - length
        return [parts + ([part(f"{spare} spare", spare, "f")] if spare else [])]
    header = 3 if length < 256 else 5 if length < 65536 else 9
    spare = total - 16 - header - length - 1
    second = [part("header", header, "d"), part(content, length, "a"), part("\\0", 1, "d")]
    return [[part("object", 16, "f")], second + ([part(f"{spare} spare", spare, "f")] if spare else [])]


def _blocks_text(blocks: list[list[dict[str, Any]]]) -> str:
    return " -> ".join(
        "[" + " | ".join(f"{p['name']}: {p['bytes']}" for p in block) + "]" for block in blocks
    )
