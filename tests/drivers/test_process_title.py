"""What `ps` shows: the words of this server's process beside those of a real one with the same template."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from minidis.drivers import process_title
from minidis.engine.node import Node
from tests.differential.servers import RealServer, available_judges

TEMPLATES = [
    "{title} {listen-addr} {server-mode}",
    "TEST {title} {port}|{tls-port} {unixsocket} {config-file} ",
    "a{{",
]

SHOW = """
import os, subprocess, sys
from minidis.drivers import process_title
process_title.show(sys.argv[1])
words = open("/proc/self/cmdline", "rb").read().rstrip(bytes(1))
child = subprocess.run(["env"], capture_output=True).stdout
print(words.decode() == sys.argv[2], b"LONG=" + b"x" * 300 in child.splitlines(), len(os.environ) > 1)
"""


@pytest.mark.parametrize("judge", available_judges(), ids=lambda judge: judge.name)
def test_the_template_as_a_real_server_fills_it_in(judge) -> None:
    with RealServer(judge) as server, server.connect() as connection:
        node = Node({"port": "0", "unixsocket": str(server.socket_path)})
        for template in TEMPLATES:
            setting = (b"CONFIG", b"SET", b"proc-title-template", template.encode())
            assert connection.run([setting]) == [(b"+", b"OK")]
            node.execute(node.connect(), list(setting))
            theirs = Path(f"/proc/{server.process.pid}/cmdline").read_text().partition("\0")[0]
            assert process_title.expand(node, str(judge.binary)) == theirs


@pytest.mark.parametrize("title", ["short", "a title that is longer than all words of the command line " * 5])
def test_linux_shows_it_and_the_environment_stays(title: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW, title, title],
        env={"LONG": "x" * 300, "HOME": "/"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "True True True\n", done.stderr
