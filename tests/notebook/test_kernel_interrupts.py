"""A kernel of its own, and its Interrupt button."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client import BlockingKernelClient, KernelManager

PATIENCE_S = 60

Kernel = tuple[KernelManager, BlockingKernelClient]


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    """It has a client, and a node that prints when the key `begun` changes, in the midst of a command."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=PATIENCE_S)
    told = run(
        (manager, client),
        """
%load_ext minidis
import minidis
client, node = minidis.connect(), minidis.default_node().node
node.listen_to_keys(lambda database, key, event: key == b"begun" and print("runs", flush=True));
""",
    )
    assert told == {"printed": "", "error": None}
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(kernel: Kernel, code: str, interrupts: bool = False) -> dict[str, Any]:
    """What a cell prints, and how it ends: Interrupt is pressed when it has printed something."""
    manager, client = kernel
    asked, printed, error = client.execute(code), "", None
    while True:
        message = client.get_iopub_msg(timeout=PATIENCE_S)
        kind, content = message["msg_type"], message["content"]
        if message["parent_header"].get("msg_id") != asked:
            continue
        if kind == "stream":
            printed += content["text"]
            if interrupts:
                manager.interrupt_kernel()
        elif kind == "error":
            error = content["ename"]
        elif kind == "status" and content["execution_state"] == "idle":
            return {"printed": printed, "error": error}


def test_a_loop_is_stopped_between_two_commands(kernel: Kernel) -> None:
    """Often enough that the midst of one would have been met."""
    run(kernel, "client.zadd('z', {f'm{n}': n for n in range(500)})")
    loop = """
client.incr("begun")
while True:
    for score in range(1000):
        client.zadd("z", {"m7": score})
"""
    for _ in range(10):
        assert run(kernel, loop, interrupts=True)["error"] == "KeyboardInterrupt"
        assert run(kernel, "node.databases[0].table[b'z'].form.check()") == {"printed": "", "error": None}


SCRIPT = "redis.call('INCR', 'begun') while true do end"


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        (f'client.eval("{SCRIPT}", 0)', "KeyboardInterrupt"),
        (f'%redis EVAL "{SCRIPT}" 0', "Interrupted"),
        ("client.incr('begun')\nclient.blpop('nothing', timeout=0)", "KeyboardInterrupt"),
    ],
)
def test_what_may_never_end_is_stopped(kernel: Kernel, cell: str, error: str) -> None:
    assert run(kernel, cell, interrupts=True)["error"] == error
    assert run(kernel, "print(client.ping(), node.journal.depth)")["printed"] == "True 0\n"
