"""The view of one structure: a key's value in whatever encoding it has now, or a structure by itself.

As a value grows it changes its encoding; the view asks anew before each drawing which picture fits.

Read next: listpacks.py, intsets.py, hashtables.py, skiplists.py: the pictures.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.notebook.views import (
    bitmaps,
    hashtables,
    hyperloglogs,
    intsets,
    listpacks,
    quicklists,
    skiplists,
)
from minidis.notebook.views.drawing import Canvas, count_of, label
from minidis.notebook.views.sources import KeySource, node_or_mirror
from minidis.notebook.views.view import View
from minidis.values.base import Value

PICTURES: dict[str, Any] = {
    "listpack": listpacks,
    "quicklist": quicklists,
    "intset": intsets,
    "hashtable": hashtables,
    "skiplist": skiplists,
    "bits": bitmaps,
    "hyperloglog": hyperloglogs,
}
"""For each kind of structure what takes, draws and tells it."""

ENTRY_NAMES = {
    "hash": ["field", "value"],
    "zset": ["member", "score"],
    "set": ["member"],
    "list": ["element"],
}


class StructureView(View):
    """A key (`source` is its name), a structure object, or the node's keyspace (None), in its present form.

    `expected` is the type that the key must have, `kind` forces a picture (HyperLogLogs are strings).
    """

    def __init__(
        self,
        source: Any,
        node: Embedded | None = None,
        db: int = 0,
        expected: str | None = None,
        kind: str | None = None,
        **options: Any,
    ) -> None:
        is_key = isinstance(source, (str, bytes))
        super().__init__(node_or_mirror(node) if is_key or source is None else node)
        self.source = KeySource(source, self.node, db) if is_key else None  # type: ignore[arg-type]
        self.structure = None if is_key else source
        self.db = db
        self.expected = expected
        self.kind = kind
        self.options = options

    def __repr__(self) -> str:
        of = label(self.source.key) if self.source else kind_of(self.present()[1])
        return f"<view of {of}>"

    # -- finding the structure

    def present(self) -> tuple[str, Any, dict[str, Any]]:
        """(kind of picture, structure, options) now; the kind is "nothing" when there is none to draw."""
        if self.source is None:
            if self.structure is None:
                return (
                    "hashtable",
                    self.node.node.databases[self.db].table,
                    _keyspace_title(self.node, self.db),
                )
            return self.kind or kind_of(self.structure), self.structure, {}
        value = self.source.value()
        title = label(self.source.key, 32)
        if value is None:
            return "nothing", None, {"title": title, "why": "there is no such key"}
        if self.expected and value.kind != self.expected:
            return "nothing", None, {"title": title, "why": f"it holds a {value.kind}, not a {self.expected}"}
        if value.kind == "string":
            data = value.as_bytes()
            return self.kind or kind_of(data), data, {"title": title, "encoding": value.encoding}
        if value.kind == "stream":  # the macro node that XADD appends to
            newest = value.tree.seek("$")  # type: ignore[attr-defined]
            if newest is None:
                return "nothing", None, {"title": title, "why": "its stream has no entries"}
            title += f", newest of {count_of(len(value.tree), 'macro node')}"  # type: ignore[attr-defined]
            return "listpack", newest[1], {"title": title}
        structure = inner_structure(value)
        return kind_of(structure), structure, {"title": title, "names": ENTRY_NAMES[value.kind]}

    def looked_at(self) -> tuple[list[bytes] | None, int]:
        return [self.source.key] if self.source is not None else None, self.db

    def snapshot(self) -> dict[str, Any]:
        kind, structure, found = self.present()
        if kind == "nothing":
            return {"kind": "nothing", **found}
        return PICTURES[kind].take(
            structure, found | {k: v for k, v in self.options.items() if v is not None}
        )

    # -- the picture that fits

    def draw(self, data: dict[str, Any]) -> Canvas:
        if data["kind"] == "nothing":
            canvas = Canvas(self.text(data))
            canvas.heading(data["title"], data["why"])
            return canvas
        return PICTURES[data["kind"]].draw(data)

    def text(self, data: dict[str, Any]) -> str:
        if data["kind"] == "nothing":
            return f"{data['title']}: {data['why']}"
        return PICTURES[data["kind"]].text(data)

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return getattr(PICTURES.get(data["kind"]), "controls", lambda data: [])(data)

    def captions(self, data: dict[str, Any]) -> list[str]:
        return getattr(PICTURES.get(data["kind"]), "captions", lambda data: [])(data)

    def do(self, name: str, value: Any = None) -> StructureView:
        """One of the picture's actions: see ACTIONS in its module. Raises ValueError for another name."""
        with self.node.lock if self.node is not None else nullcontext():
            kind, structure, _ = self.present()
            actions = getattr(PICTURES.get(kind), "ACTIONS", {})
            if name not in actions:
                raise ValueError(f"{kind} has no action {name!r}, only {', '.join(actions) or 'none'}")
            actions[name](structure, self.options, value)
        return self


def _keyspace_title(node: Embedded, db: int) -> dict[str, str]:
    """Says which table is drawn: the HashTable of learners, or the index that a Python dict has for SCAN."""
    is_dict = isinstance(node.node.databases[db].table, dict)
    note = (
        "the keys' index beside a Python dict: SCAN walks these buckets, GET asks the dict" if is_dict else ""
    )
    return {"title": f"keyspace of database {db}", "note": note}


def inner_structure(value: Value) -> Any:
    """The structure that holds a collection's elements now."""
    form = value.form  # type: ignore[attr-defined]
    for name in ("intset", "listpack", "skiplist", "table"):
        if hasattr(form, name):
            return getattr(form, name)
    return form  # a list's form is its structure


def kind_of(structure: Any) -> str:
    """Which picture fits a structure, by what it can do: a learner's own class is drawn as well."""
    signs = {
        "quicklist": ("nodes", "fill"),
        "skiplist": ("levels", "header"),
        "intset": ("width", "at"),
        "hashtable": ("tables", "rehash_index"),
        "listpack": ("prepend", "append"),
    }
    for kind, methods in signs.items():
        if all(hasattr(structure, method) for method in methods):
            return kind
    if isinstance(structure, (bytes, bytearray)):
        return "hyperloglog" if structure[:4] == b"HYLL" else "bits"
    raise TypeError(f"no view draws a {type(structure).__name__}")
