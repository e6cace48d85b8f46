"""A machine with a disk, a redis.conf and a server on it: what exercise 11.2 hands to the learner.

    machine.conf          the text of redis.conf; it counts at the next start
    machine.start()       start the server; a redis-py client on it.  Raises what keeps it from starting
    machine.stop()        SHUTDOWN: with save points, dump.rdb is written.  stop(save=False): SHUTDOWN NOSAVE
    machine.redis         the client of the running server, None while none runs
    machine.disk          list("."), read(path), rename(old, new), append(path, data), remove(path) ...
    machine.wait(1)       let a second pass

>>> machine = Machine("save 900 1")
>>> machine.start().set("k", "v"), machine.stop(), machine.disk.list(".")
(True, None, ['dump.rdb'])
>>> machine.start().get("k")
b'v'

Read next: minidis/engine/starting.py.
"""

from __future__ import annotations

from typing import Any

from minidis.course.case import uncounted
from minidis.course.exercise import Wrong
from minidis.drivers.embedded import Embedded
from minidis.drivers.simulated_disk import SimulatedDisk
from minidis.engine import starting
from minidis.engine.settings.config_file import ConfigFileError, Settings

NEW_YEAR_US = 1_767_225_600_000_000


def settings_of(conf: Any) -> dict[str, str]:
    """What a learner's redis.conf says.  Raises Wrong for one that no server would start with."""
    if not isinstance(conf, str):
        raise Wrong("your configuration", type(conf).__name__, "a str: the text of redis.conf")
    settings = Settings()
    try:
        settings.load(conf.encode())
    except ConfigFileError as error:
        raise Wrong("your redis.conf, to the server", str(error), "a server that starts") from None
    return settings.values


class Machine:
    """One host; `seed` decides what luck saves in a power cut."""

    def __init__(self, conf: str, seed: int = 0) -> None:
        self.conf = conf
        self.redis: Any = None
        self._now_us = NEW_YEAR_US
        self._seed = seed
        self._node: Embedded | None = None
        self.disk = SimulatedDisk(seed, lambda: self._node.now_us if self._node else self._now_us)

    def start(self) -> Any:
        """Start the server.  Raises ConfigFileError, LoadError; RuntimeError if one runs."""
        from minidis.client import connect

        if self._node is not None:
            raise RuntimeError("a server runs already: stop() it first")
        settings = Settings()
        settings.load(self.conf.encode())
        self._node = Embedded(settings.values, clock=self._now_us, seed=self._seed, disk=self.disk)
        self._node.patience_s = 0.0
        self.redis = uncounted(connect(self._node))
        return self.redis

    def stop(self, save: bool | None = None) -> None:
        """SHUTDOWN; True and False are its SAVE and NOSAVE."""
        node = self._running()
        starting.prepare_to_stop(node.node, save, force=True)
        self._ended()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        if self._node is not None:
            self._node.step(seconds)
        else:
            self._now_us += round(seconds * 1_000_000)

    def power_cut(self) -> Any:
        """Pull the plug, and start again."""
        self._running()
        self._ended()
        self.disk.power_cut()
        return self.start()

    def contents(self) -> dict[bytes, bytes]:
        """Every key of database 0 with its value in words; times to live apart."""
        node = self._running()
        values = {}
        for key in node.execute("KEYS", "*"):
            kind = node.execute("TYPE", key)
            read = {
                "string": ("GET", key),
                "hash": ("HGETALL", key),
                "list": ("LRANGE", key, 0, -1),
                "zset": ("ZRANGE", key, 0, -1, "WITHSCORES"),
                "set": ("SMEMBERS", key),
            }[str(kind)]
            value = node.execute(*read)
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else repr(value)
            values[key] = f"{kind} {text}".encode()
        return values

    def _running(self) -> Embedded:
        if self._node is None:
            raise RuntimeError("no server runs: start() one")
        return self._node

    def _ended(self) -> None:
        """The process is gone; its files are as it left them."""
        node = self._running()
        self._now_us = node.now_us
        for client in list(node.node.clients.values()):
            node.disconnect(client)
        node.node.append_only.stop_listening()
        self._node = self.redis = None
