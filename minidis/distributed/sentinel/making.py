"""A node that is a Sentinel: its table of commands, its defaults, its configuration.

    settings = Settings(); settings.load(text of sentinel.conf)
    node = make_sentinel(settings, clock, random, disk, "sentinel.conf")
    node.sentinel.begin()              when it is ready to work

It is the same `Node` as any other, with a short table of commands (those flagged SENTINEL, and its own), and
without a dataset: nothing is loaded, nothing saved.

Mirrors: sentinel.c (`initSentinelConfig`, `sentinelIsRunning`), server.c (`--sentinel`).
Read next: minidis/drivers/simulation/lab.py, which makes one for the lab.
"""

from __future__ import annotations

import random as random_module
from functools import partial

from minidis.distributed.sentinel import configuration
from minidis.distributed.sentinel import settings as _files_commands  # noqa: F401
from minidis.distributed.sentinel.commands import table
from minidis.distributed.sentinel.role import DEFAULT_PORT, Resolve, Sentinel
from minidis.distributed.sentinel.scripts import Runner
from minidis.engine.durability.disk import Disk
from minidis.engine.node import Clock, Node
from minidis.engine.settings.config import Config
from minidis.engine.settings.config_file import Settings

DEFAULTS = {"port": str(DEFAULT_PORT), "protected-mode": "no"}
"""Where a Sentinel differs from a server: others must be able to reach it."""


def make_sentinel(
    settings: Settings,
    clock: Clock,
    random: random_module.Random,
    disk: Disk,
    config_file: str,
    resolve: Resolve = lambda name: None,
    runner: Runner | None = None,
) -> Node:
    """A node in Sentinel mode.  Raises ConfigFileError for a line that can't be used."""
    node = Node(Config({**DEFAULTS, **settings.values}), clock, random, commands=table(), disk=disk)
    node.config_file = config_file
    sentinel = Sentinel(node, resolve, runner)
    configuration.load(sentinel, settings.role_lines)
    sentinel.save_config = partial(configuration.save, sentinel)
    return node
