"""Pictures of eviction: one choice (sample, pool, victim), and a whole crowd sorted by age.

The dots are the experiment with which Redis showed how good its approximation of LRU is: fill a node, use
the keys one after the other, then add half as many again. True LRU would evict the oldest half, a sharp
edge; the fewer keys a sample has, the more the edge frays.

Read next: minidis/engine/memory/eviction.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.embedded import Embedded, default_node
from minidis.engine.memory.eviction import POOL_SIZE, Candidate, Eviction
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.view import View, button, slider

PER_ROW, DOT = 50, 15.0
ROLE_OF = {"evicted": "e", "kept": "a", "added": "c"}
OLD_KEYS, NEW_KEYS = 600, 300


class EvictionView(View):
    """The last choice of a node: what it drew, what stood in the pool, which key went."""

    def __init__(self, node: Embedded | None = None) -> None:
        super().__init__(node or default_node())

    def snapshot(self) -> dict[str, Any]:
        evictor, config = self.node.node.eviction, self.node.node.config
        last = evictor.last
        return {
            "policy": config.maxmemory_policy,
            "samples": config.maxmemory_samples,
            "evicted": evictor.evicted_keys,
            "drawn": [] if last is None else [_shown(config.maxmemory_policy, c) for c in last.samples],
            "pool": [] if last is None else [_shown(config.maxmemory_policy, c) for c in last.pool],
            "victim": None if last is None else _victim(config.maxmemory_policy, last),
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_sentence(data))
        y = canvas.heading("eviction", f"{data['policy']}, {count_of(data['samples'], 'sample')}")
        if data["victim"] is None:
            canvas.text(16, y + 16, "no key has gone yet", "t-dim")
            return canvas
        y = self._row(canvas, "drawn now", data["drawn"], data["victim"], y + 8, step=1)
        y = self._row(canvas, "left in the pool, the next to go first", data["pool"][::-1], None, y, step=2)
        with canvas.group(step=3):
            canvas.text(16, y + 14, "gone", "b", 12)
            _box(canvas, 16, y + 22, data["victim"], "e")
        canvas.bottom = y + 64
        return canvas

    def _row(
        self,
        canvas: Canvas,
        title: str,
        items: list[list[str]],
        victim: list[str] | None,
        y: float,
        step: int,
    ) -> float:
        with canvas.group(step=step):
            canvas.text(16, y + 14, title, "b", 12)
            if not items:
                canvas.text(16, y + 36, "nothing: the key was drawn by lot", "t-dim", 11)
            for number, item in enumerate(items[:POOL_SIZE]):
                line, place = divmod(number, 8)
                role = "e" if victim is not None and item[0] == victim[0] else "a"
                _box(canvas, 16 + place * 94, y + 22 + line * 42, item, role)
        return y + 22 + 42 * max(1, -(-min(len(items), POOL_SIZE) // 8)) + 8

    def text(self, data: dict[str, Any]) -> str:
        lines = [_sentence(data)]
        for name in ("drawn", "pool"):
            if data[name]:
                lines.append(f"{name}: " + ", ".join(f"{key} ({score})" for key, score in data[name]))
        return "\n".join(lines)

    def captions(self, data: dict[str, Any]) -> list[str]:
        return [
            "Keys are drawn at random, from each database.",
            "They join the pool, which keeps the sixteen best of all that were drawn.",
            "The best of the pool goes, if it is still a key.",
        ]

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return [button("evict", "evict one key", "by the policy, however much memory is left")]

    def on_evict(self, _value: Any) -> None:
        """Let one key go."""
        node = self.node.node
        node.now_us = node.clock()
        self.message = "" if node.eviction.evict_one() else f"{node.config.maxmemory_policy}: no key may go"


class LruDots(View):
    """Keys in the order of their age: which were evicted when others came."""

    def __init__(
        self,
        samples: int = 5,
        policy: str = "allkeys-lru",
        old: int = OLD_KEYS,
        new: int = NEW_KEYS,
        seed: int = 1,
    ) -> None:
        super().__init__(None)
        self.policy, self.samples, self.old, self.new, self.seed = policy, samples, old, new, seed
        self._run()

    def on_samples(self, value: Any) -> None:
        """Run the experiment with another `maxmemory-samples`."""
        self.samples = int(value)
        self._run()

    def on_another(self, _value: Any) -> None:
        """Run it with other lots."""
        self.seed += 1
        self._run()

    def _run(self) -> None:
        config = {"maxmemory-policy": self.policy, "maxmemory-samples": self.samples}
        redis = Embedded(config, clock=0, seed=self.seed)
        for number in range(self.old):
            redis.jump((number + 1) * 1_000_000)
            redis.execute("SET", f"key:{number:05}", "x" * 100)
        redis.execute("CONFIG", "SET", "maxmemory", redis.node.memory.used_bytes())
        for number in range(self.old, self.old + self.new):
            redis.jump((number + 1) * 1_000_000)
            redis.execute("SET", f"key:{number:05}", "x" * 100)
        left = redis.node.databases[0].table
        self.states = [
            ("added" if number >= self.old else "kept") if b"key:%05d" % number in left else "evicted"
            for number in range(self.old + self.new)
        ]

    def snapshot(self) -> dict[str, Any]:
        gone = [number for number, state in enumerate(self.states) if state == "evicted"]
        right = sum(number < len(gone) for number in gone)
        return {
            "policy": self.policy,
            "samples": self.samples,
            "states": self.states,
            "evicted": len(gone),
            "right": round(100 * right / len(gone)) if gone else 100,
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_dots_sentence(data))
        y = canvas.heading("the oldest first", f"{data['policy']}, {count_of(data['samples'], 'sample')}")
        canvas.text(16, y + 8, _dots_sentence(data), "t-dim", 11)
        y += 24
        for number, state in enumerate(data["states"]):
            row, column = divmod(number, PER_ROW)
            x, top = 22 + column * DOT, y + row * DOT
            radius = 5.5 if state == "evicted" else 3.5  # told by size as well as by colour
            canvas.dot(x, top, radius, ROLE_OF[state])
        y += -(-len(data["states"]) // PER_ROW) * DOT
        x = 16.0
        for state, role in ROLE_OF.items():
            x = canvas.badge(x, y, state, role)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = []
        for start in range(0, len(data["states"]), PER_ROW * 2):
            states = data["states"][start : start + PER_ROW * 2]
            rows.append([f"{start}-{start + len(states) - 1}", *(str(states.count(s)) for s in ROLE_OF)])
        return _dots_sentence(data) + "\n" + table_text(["keys by age", *ROLE_OF], rows)

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            slider("samples", "maxmemory-samples", data["samples"], 1, 20, 1),
            button("another", "other lots", "the same with another seed"),
        ]


def eviction(node: Embedded | None = None) -> EvictionView:
    """The node's last eviction: sample, pool and victim; a button lets one more key go."""
    return EvictionView(node)


def lru_dots(samples: int = 5, policy: str = "allkeys-lru", **options: Any) -> LruDots:
    """Keys by age, and which were evicted as half as many came. Options: old, new (keys), seed."""
    return LruDots(samples, policy, **options)


def _shown(policy: str, candidate: Candidate) -> list[str]:
    return [label(candidate.key, 14), _score_text(policy, candidate.score)]


def _victim(policy: str, last: Eviction) -> list[str]:
    return [label(last.key, 14), "by lot" if last.score is None else _score_text(policy, last.score)]


def _score_text(policy: str, score: int) -> str:
    """A score as the policy means it."""
    if policy.endswith("-lfu"):
        return f"count {255 - score}"
    if policy == "volatile-ttl":
        return f"ends at {-score // 1000} s"
    return f"idle {score // 1000} s"


def _sentence(data: dict[str, Any]) -> str:
    if data["victim"] is None:
        return f"{data['policy']}: no key has gone yet"
    key, score = data["victim"]
    return f"{data['policy']}: {count_of(data['evicted'], 'key')} went, the last was {key} ({score})"


def _dots_sentence(data: dict[str, Any]) -> str:
    return (
        f"{data['evicted']} of {len(data['states'])} keys evicted; "
        f"{data['right']} % of them are those that true LRU would have chosen"
    )


def _box(canvas: Canvas, x: float, y: float, item: list[str], role: str) -> None:
    key, score = item
    with canvas.group(note=f"{key}: {score}", key=key):
        canvas.box(x, y, 88, 36, role, 4)
        canvas.text(x + 44, y + 15, key[:12], f"m t-{role}", 10.5, "middle")
        canvas.text(x + 44, y + 29, score, f"t-{role}", 10, "middle")
