"""LOLWUT: a picture for its own sake, and the version in its last line.

Mirrors: lolwut.c.

>>> from minidis.drivers.embedded import Embedded
>>> bytes(Embedded(clock=0).execute("LOLWUT")).startswith(b"Redis ver. 7.2")
True
"""

from __future__ import annotations

from minidis.engine.client import Client
from minidis.engine.node import VERSION
from minidis.engine.registry import FAST, READONLY, command
from minidis.protocol.replies import Verbatim


@command("LOLWUT [VERSION version:int]", READONLY | FAST, since="5.0.0", raw=True)
def lolwut(client: Client, *words: bytes):
    """The version, where an older Redis draws a picture. O(1)."""
    return Verbatim(f"Redis ver. {VERSION}\n".encode())
