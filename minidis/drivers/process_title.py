"""The name of the process in `ps`: `minidis-server 127.0.0.1:6379`, as `proc-title-template` says.

Linux reads a process's words from where it put them at the start, in the process's own memory:

    arg_start                                             env_start                         env_end
      |  /usr/bin/python \0 minidis-server \0 redis.conf \0 |  HOME=/root \0 PATH=/bin \0 ...  |
      |  /usr/bin/minidis-server *:6379 \0 \0 \0 \0 \0 \0 \0 \0 |

So a process renames itself by writing there, over words that Python has long copied.  A longer title goes on
over the environment, which has been moved before: C keeps a variable that is set anew elsewhere.

Mirrors: `redisSetProcTitle` in server.c, setproctitle.c.
Differs: only on Linux.
"""

from __future__ import annotations

import ctypes
import os
import re

from minidis.drivers.process import PROGRAM
from minidis.engine.node import Node

_VARIABLE = re.compile(r"(\{\{)|\{([^}]*)\}")


def follow(node: Node) -> None:
    """Show the title of `node`, whose process this is, and let it follow CONFIG SET."""
    if not node.config.set_proc_title:
        return

    def changed(attributes: list[str]) -> None:
        if "proc_title_template" in attributes:
            show(expand(node, PROGRAM))

    node.config_listeners.append(changed)
    changed(["proc_title_template"])


def expand(node: Node, title: str) -> str:
    """The template with its variables filled in.

    >>> expand(Node({"proc-title-template": "{title} {listen-addr} {{{server-mode}"}), "redis")
    'redis 127.0.0.1:6379 {'
    """
    config = node.config
    addresses = config.bind.split()
    port, socket = config.port or config.tls_port, config.unixsocket
    variables = {
        "title": title,
        "listen-addr": f"{addresses[0] if addresses else '*'}:{port}" if port else f"unixsocket:{socket}",
        "server-mode": "" if node.mode == "standalone" else f"[{node.mode}]",
        "config-file": node.config_file or "-",
        "port": str(config.port),
        "tls-port": str(config.tls_port),
        "unixsocket": socket,
    }
    text = _VARIABLE.sub(lambda found: "{" if found[1] else variables[found[2]], config.proc_title_template)
    return text.strip(" ")


def show(title: str) -> None:
    """Write it where Linux looks; elsewhere nothing happens."""
    try:
        with open("/proc/self/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:  # no Linux
        return
    start, words_end, environment, end = (int(field) for field in fields[45:49])
    if not start or words_end != environment:
        return
    for name, value in os.environb.items():
        os.environb[name] = value
    room = end - start - 1  # a zero stays at the end
    text = title.encode("utf-8", "surrogateescape")[:room]
    ctypes.memmove(start, text.ljust(room + 1, b"\0"), room + 1)
