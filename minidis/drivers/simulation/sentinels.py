"""Sentinels of the lab: each with a sentinel.conf on its own disk, as on a real machine.

The file is written when the Sentinel is first made; after a restart it is read again, with what the Sentinel
added to it meanwhile: its id, its epochs, its votes, whom it met. A power cut takes what was not synced.

Its events (+sdown, +vote-for-leader, +switch-master ...) go into the lab's record.

Read next: minidis/distributed/sentinel/role.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from minidis.distributed.sentinel import make_sentinel
from minidis.engine.durability.disk import Disk, replace_file
from minidis.engine.node import Node
from minidis.engine.settings.config_file import Settings

if TYPE_CHECKING:
    from minidis.drivers.simulation.lab import Lab
    from minidis.drivers.simulation.process import Process

CONFIG_FILE = "sentinel.conf"

OPTIONS = {
    "down_after_ms": "down-after-milliseconds",
    "failover_timeout_ms": "failover-timeout",
    "parallel_syncs": "parallel-syncs",
    "auth_pass": "auth-pass",
    "auth_user": "auth-user",
}
"""Arguments of `Lab.sentinel` -> directives of a primary."""


def config_text(
    port: int,
    watch: Mapping[str, tuple[str, int]],
    quorum: int,
    options: Mapping[str, object],
    lines: Iterable[str] = (),
) -> str:
    """A sentinel.conf.  Raises ValueError for an option that is none.

    >>> print(config_text(26379, {"mymaster": ("10.0.0.1", 6379)}, 2, {"down_after_ms": 1000}), end="")
    port 26379
    sentinel monitor mymaster 10.0.0.1 6379 2
    sentinel down-after-milliseconds mymaster 1000
    """
    unknown = options.keys() - OPTIONS.keys()
    if unknown:
        raise ValueError(f"not an option of a Sentinel: {sorted(unknown)} (there are {', '.join(OPTIONS)})")
    text = [f"port {port}", *lines]
    for name, (host, primary_port) in watch.items():
        text.append(f"sentinel monitor {name} {host} {primary_port} {quorum}")
        text += [f"sentinel {OPTIONS[option]} {name} {value}" for option, value in options.items()]
    return "".join(line + "\n" for line in text)


def write_config(disk: Disk, text: str) -> None:
    """The file with which a Sentinel first starts."""
    replace_file(disk, CONFIG_FILE, text.encode())


def start_sentinel(lab: Lab, process: Process) -> Node:
    """The node of a Sentinel, from what its disk holds."""
    disk = lab.disks[process.name]
    settings = Settings(role="sentinel")
    settings.load(disk.read(CONFIG_FILE))

    def resolve(host: str) -> str | None:
        found = lab.wires.find_host(host)
        return None if found is None else found.ip

    node = make_sentinel(settings, process.clock, process.random(), disk, CONFIG_FILE, resolve)

    def note(channel: str, text: str) -> None:
        lab.record.note("event", process.name, f"{channel} {text}")

    node.sentinel.event_listeners.append(note)
    node.sentinel.begin()
    return node
