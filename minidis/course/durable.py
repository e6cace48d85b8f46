"""Chapter 11's rebuilt parts in a live node: a loader that reads its log, a scheduler that syncs it.

    plug("log_loader", load_log, node);  node.kill()       the node that comes back was read by the learner
    plug("everysec", Everysec, node)                       each turn of the log asks the learner's object

An RDB base is read by the engine; what the loader gets are the files of commands. What is whole of the last
one is what it says: the rest is cut off, and the log goes on there.

Complexity: as the parts'.

>>> node = Embedded({"appendonly": "yes", "appendfsync": "everysec"}, clock=0, seed=1)
>>> class AtOnce:
...     def turn(self, now_ms, buffered, unsynced, syncing):
...         return ["write", "sync"] if buffered else []
>>> undo = LearnersEverysec(node, AtOnce).install()
>>> _ = node.execute("SET", "k", "v"); node.power_cut().lost_bytes; node.execute("GET", "k")
{}
b'v'

Read next: minidis/engine/durability/append_only_file.py, minidis/engine/durability/loading.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.engine.durability.append_only_file import AppendOnlyFile
from minidis.engine.durability.disk import join
from minidis.engine.durability.loading import LoadError, Loading, Replay
from minidis.engine.node import Node
from minidis.persistence.aof import Record
from minidis.persistence.aof_manifest import Manifest

LogLoader = Callable[[list[bytes]], tuple[list[list[bytes]], int]]


class LearnersLoading(Loading):
    """Loading whose log a learner's function takes apart."""

    def __init__(self, node: Node, load_log: LogLoader) -> None:
        super().__init__(node)
        self._load_log = load_log

    def log(self, folder: str, manifest: Manifest) -> Iterator[None]:
        """Load the files of a log.  Raises LoadError, also for the loader's ValueError."""
        paths = [join(folder, file.name) for file in manifest.files]
        self.total_bytes += sum(map(self._size, paths))
        if paths[0].endswith(".rdb"):
            yield from self._log_file(paths.pop(0), is_last=False)
        if not paths:
            return
        files = [self.disk.read(path) for path in paths]
        self.loaded_bytes += sum(map(len, files))
        try:
            commands, whole = self._load_log(files)
        except ValueError as error:
            raise LoadError(paths[-1], f"your loader refuses the log: {error}") from None
        records = (Record(0, 0, [bytes(word) for word in words]) for words in commands)
        yield from Replay(self.node, paths[-1]).run(records)
        if whole < len(files[-1]):
            self.disk.truncate(paths[-1], whole)
            self.disk.sync(paths[-1])


def loading_with(load_log: LogLoader) -> Callable[[Node], Loading]:
    """What makes a node's Loading read its log by `load_log`."""
    return lambda node: LearnersLoading(node, load_log)


class LearnersEverysec:
    """A node's log whose turns a learner's object decides; after a crash, a new object for the new log."""

    def __init__(self, embedded: Embedded, make: Callable[[], Any]) -> None:
        self.embedded = embedded
        self._make = make
        self._log: Any = None
        self._scheduler: Any = None

    def install(self) -> Callable[[], None]:
        """Take the place of the engine's own schedule; answers what ends it."""
        self._take_over()
        stop_listening = self.embedded.on_restart(self._take_over)

        def undo() -> None:
            stop_listening()
            del self._log.flush

        return undo

    def _take_over(self) -> None:
        self._log = self.embedded.node.append_only
        self._scheduler = self._make()
        self._log.flush = self._flush

    def _flush(self, force: bool = False) -> None:
        log = self._log
        if force or log.node.config.appendfsync != "everysec":
            AppendOnlyFile.flush(log, force)
            return
        log.unwritten = False
        log.look_at_sync()
        asked = (log.node.now_us // 1000, log.buffered_bytes() > 0, log.has_unsynced, log.is_syncing)
        for action in self._scheduler.turn(*asked):
            if action == "write" and not log.write():
                return
            if action == "sync" and not log.is_syncing:
                log.begin_sync()
