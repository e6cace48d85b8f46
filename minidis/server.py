"""`minidis-server`: the command line of redis-server.

    minidis-server                                   the defaults: 127.0.0.1:6379
    minidis-server redis.conf --port 7000 --save ""  a file, and options that win over it
    echo "maxmemory 128mb" | minidis-server -        a configuration from standard input
    minidis-server sentinel.conf --sentinel          a Sentinel; minidis-sentinel sentinel.conf is the same

Mirrors: `main` in server.c.
Read next: minidis/drivers/server.py.
"""

from __future__ import annotations

import asyncio
import glob
import os
import random
import sys
from collections.abc import Sequence

from minidis.distributed.sentinel import make_sentinel
from minidis.drivers import process_title
from minidis.drivers.disk import RealDisk
from minidis.drivers.embedded import real_clock
from minidis.drivers.log import Log
from minidis.drivers.restarting import restarter
from minidis.drivers.scripts import ScriptRunner, resolve
from minidis.drivers.server import loop_factory, serve
from minidis.engine.access_control.acl import RuleError
from minidis.engine.access_control.acl_file import Definition, load_at_start
from minidis.engine.node import VERSION, Node
from minidis.engine.settings.config import Config
from minidis.engine.settings.config_file import ConfigFileError, Settings, command_line_text, rename_commands

USAGE = """\
Usage: minidis-server [/path/to/redis.conf] [options] [-]
       minidis-server - (read config from stdin)
       minidis-server -v or --version
       minidis-server -h or --help

Examples:
       minidis-server (run the server with default conf)
       echo 'maxmemory 128mb' | minidis-server -
       minidis-server /etc/redis/6379.conf
       minidis-server --port 7777
       minidis-server /etc/myredis.conf --loglevel verbose -
       minidis-server /etc/myredis.conf --loglevel verbose

Sentinel mode:
       minidis-server /etc/sentinel.conf --sentinel
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a server; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["-v"], ["--version"]):
        print(f"Redis server v={VERSION} sha=00000000:0 malloc=python bits=64 build=minidis")
        return 0
    if words in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    try:
        node, users = make_node(words)
        check_sentinel(node)
    except ConfigFileError as error:
        print(f"\n*** FATAL CONFIG FILE ERROR (Redis {VERSION}) ***\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        Log().warning(f"Fatal error, can't open config file '{error.filename}': {error.strerror}")
        return 1
    node.on_restart = restarter()  # before the working folder changes
    try:
        os.chdir(node.config.dir)
    except OSError as error:
        print(f"Can't chdir to '{node.config.dir}': {error.strerror}", file=sys.stderr)
        return 1
    node.config.dir = os.getcwd()
    try:
        load_at_start(node, users)
    except RuleError as error:
        Log(node.config.logfile, node.config.loglevel).warning(str(error))
        return 1
    process_title.follow(node)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(serve(node))


def make_node(words: list[str]) -> tuple[Node, list[Definition]]:
    """The node that a command line asks for, and its users.  Raises ConfigFileError, OSError for the file."""
    words = list(words)
    is_sentinel = "--sentinel" in words
    if is_sentinel:
        words.remove("--sentinel")
    text, config_file = b"", ""
    if words and not words[0].startswith("-"):
        config_file = os.path.abspath(words.pop(0))
        with open(config_file, "rb") as file:
            text = file.read()
    from_stdin = bool(words) and "-" in (words[0], words[-1])
    if from_stdin:
        words.pop(0 if words[0] == "-" else -1)
        text += sys.stdin.buffer.read()
    settings = Settings(read_files, role="sentinel" if is_sentinel else "")
    settings.load(text + b"\n" + command_line_text(words).encode("utf-8", "surrogateescape"))
    settings.check()
    if is_sentinel:
        runner = ScriptRunner(settings.values.get("dir", "."))
        node = make_sentinel(settings, real_clock, random.Random(), RealDisk(), config_file, resolve, runner)
    else:
        node = Node(Config(settings.values), real_clock, random.Random(), disk=RealDisk())
        node.config_file = config_file
    rename_commands(node.commands, settings.renamed)
    return node, list(settings.users.items())


def check_sentinel(node: Node) -> None:
    """A Sentinel must be able to remember.  Raises ConfigFileError."""
    if node.sentinel is None:
        return
    if not node.config_file:
        raise ConfigFileError("Sentinel needs config file on disk to save state. Exiting...")
    if not os.access(node.config_file, os.W_OK):
        raise ConfigFileError(f"Sentinel config file {node.config_file} is not writable. Exiting...")


def sentinel_main(arguments: Sequence[str] | None = None) -> int:
    """`minidis-sentinel`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return main([*words, "--sentinel"] if words not in (["-v"], ["--version"], ["-h"], ["--help"]) else words)


def read_files(pattern: str) -> list[bytes]:
    """The files of an `include` line."""
    contents = []
    for path in sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]:
        with open(path, "rb") as file:
            contents.append(file.read())
    return contents


if __name__ == "__main__":
    sys.exit(main())
