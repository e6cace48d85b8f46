"""The name of the process in `ps`: `minidis-server 127.0.0.1:6379`, as `proc-title-template` says.

setproctitle writes it, where it is installed; without it the process keeps the words it was started with.

Mirrors: `redisSetProcTitle` in server.c.
"""

from __future__ import annotations

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
    """Let `ps` show it."""
    try:
        from setproctitle import setproctitle
    except ImportError:
        return
    setproctitle(title)
