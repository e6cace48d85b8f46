"""A node's start and end, as far as files go: what is loaded, and what is saved.

    start(node)      appendonly: the log's files, then the log goes on; otherwise dump.rdb, if it is there
    prepare_to_stop  SHUTDOWN: the log is written and synced; a snapshot, if save points are set or SAVE is
    said

Mirrors: `loadDataFromDisk`, `finishShutdown` in server.c.
Complexity: O(bytes).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> _ = redis.execute("SET", "k", "v"), redis.execute("SAVE"), redis.execute("SET", "k", "w")
>>> redis.kill(); redis.execute("GET", "k")
b'v'

Read next: durability/loading.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from minidis.engine.durability.disk import DiskError, join
from minidis.engine.durability.loading import LoadError, Loading
from minidis.persistence.aof_manifest import ManifestError

if TYPE_CHECKING:
    from minidis.engine.node import Node


def start(node: Node, make: Callable[[Node], Loading] = Loading) -> Loading | None:
    """Begin to load what the configuration says: `run()` the answer, or let `node.tick()` do it in slices.

    None: there is nothing to load, and the node is ready.  Raises LoadError.
    """
    if node.sentinel is not None:
        return None
    if node.cluster is not None:
        node.cluster.begin()
    loading = make(node)
    if node.config.appendonly:
        return _start_log(node, loading)
    if node.disk.size(node.saving.path) is None:
        return None

    def loaded() -> None:
        counts = f"keys loaded: {loading.keys_loaded}, keys expired: {len(loading.expired)}"
        if loading.empty_keys:
            counts += f", empty keys skipped: {loading.empty_keys}"
        node.log("notice", f"Done loading RDB, {counts}.")
        node.log("notice", f"DB loaded from disk: {loading.taken}")
        if node.replication is not None:
            node.replication.restore(loading.notes, loading.expired)
        if node.cluster is not None:
            node.cluster.check_data()

    return loading.begin(loading.snapshot(node.saving.path), loaded)


def _start_log(node: Node, loading: Loading) -> Loading | None:
    """The log is the dataset, and goes on when it is loaded."""
    log = node.append_only
    try:
        manifest = log.files.read_manifest()
    except ManifestError as error:
        path = join(log.files.folder, f"{node.config.appendfilename}.manifest")
        raise LoadError(path, str(error)) from None

    def loaded() -> None:
        log.open()
        node.log("notice", f"DB loaded from append only file: {loading.taken}")
        if node.cluster is not None:
            node.cluster.check_data()

    if not manifest.files:
        log.open()
        return None
    return loading.begin(loading.log(log.files.folder, manifest), loaded)


def reload_log(node: Node) -> None:
    """DEBUG LOADAOF: write the log out, and load it in the place of what is there.

    Raises DiskError where it cannot be written, and LoadError.
    """
    log = node.append_only
    log.write_all()
    empty(node)
    loading = Loading(node)
    with all_or_nothing(node):
        loading.begin(loading.log(log.files.folder, log.files.manifest)).run()


@contextmanager
def all_or_nothing(node: Node) -> Iterator[None]:
    """Half a dataset must not pass for a whole one.

    After a LoadError or a DiskError inside, the node is empty, refuses writes, and saves nothing over the
    files unasked.
    """
    try:
        yield
    except (DiskError, LoadError) as error:
        empty(node)
        node.saving.hold(str(error))
        raise
    node.saving.release()


def empty(node: Node) -> None:
    """Let go of the dataset, keys and functions, before it is loaded anew."""
    for database in node.databases:
        database.clear()
    node.tracking.flushed()
    node.libraries.clear()


def prepare_to_stop(node: Node, save: bool | None = None, force: bool = False) -> bool:
    """Bring everything to disk before the node ends.  False if that failed, and the node must go on.

    `save` is what SHUTDOWN says, SAVE or NOSAVE; None: save if there are save points.  A log that cannot be
    finished is no reason to go on, nor, with `force`, a snapshot.
    """
    if node.append_only.state == "waiting" and node.background.is_running("aof"):  # no dataset without a base
        node.log(
            "warning", "Writing initial AOF. Exit anyway." if force else "Writing initial AOF, can't exit."
        )
        if not force:
            return False
    if node.sentinel is not None:
        return True
    try:
        _finish_log(node)
    except DiskError as error:
        node.log("warning", f"Fail to fsync the AOF file: {error}")
    try:
        _save_at_last(node, save)
    except DiskError as error:
        then = "exiting anyway" if force else "can't exit"
        node.log("warning", f"Error trying to save the DB, {then}: {error}")
        return force
    return True


def bring_to_disk(node: Node) -> None:
    """The same for one who can be told what failed: raises DiskError."""
    if node.sentinel is not None:
        return
    try:
        _finish_log(node)
    finally:
        _save_at_last(node)


def _finish_log(node: Node) -> None:
    log = node.append_only
    if node.background.makes_rdb:
        node.log("warning", "There is a child saving an .rdb. Killing it!")
        node.saving.cancel()
    if node.background.is_running("aof"):
        node.log("warning", "There is a child rewriting the AOF. Killing it!")
    log.rewriting.kill()
    if log.state == "on":
        node.log("notice", "Calling fsync() on the AOF file.")
        log.write_all()
        node.disk.sync(log.path)


def _save_at_last(node: Node, save: bool | None = None) -> None:
    if save or (save is None and node.saving.save_points):
        node.log("notice", "Saving the final RDB snapshot before exiting.")
        node.saving.save()
