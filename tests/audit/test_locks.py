"""The life of locks as MONITOR's lines tell it."""

from __future__ import annotations

import pytest

from minidis.audit.locks import Hold, holds_of
from minidis.audit.traffic import requests_of


def hold_in(text: str) -> Hold:
    """The first hold in lines of `seconds client words ...`."""
    lines = []
    for line in text.strip().splitlines():
        at, client, *words = line.split()
        lines.append(f"{float(at):.6f} [0 {client}] " + " ".join(f'"{word}"' for word in words))
    return holds_of(requests_of(lines))[0]


@pytest.mark.parametrize(
    ("text", "way", "ttl_ms"),
    [
        ("1 a SET lock:x t NX PX 500", "SET NX PX", 500),
        ("1 a set lock:x t ex 5 nx", "SET NX EX", 5000),
        ("1 a SET lock:x t NX", "SET NX", None),
        ("1 a SETNX lock:x t\n1 a EXPIRE lock:x 5", "SETNX, then EXPIRE", 5000),
        ("1 a SETNX lock:x t\n1 b EXPIRE lock:x 5", "SETNX", None),
    ],
)
def test_how_it_was_taken(text: str, way: str, ttl_ms: int | None) -> None:
    assert (hold_in(text).way, hold_in(text).ttl_ms) == (way, ttl_ms)


TAKEN = "1 a SET lock:x t NX PX 5000\n"
SCRIPT = "2 a EVAL script 1 lock:x t"


@pytest.mark.parametrize(
    ("text", "release", "held_ms"),
    [
        ("2 a DEL lock:x", "DEL", 1000),
        ("2 a GET lock:x\n2 a UNLINK lock:x", "GET, then DEL", 1000),
        ("2 b GET lock:x\n2 a DEL lock:x", "DEL", 1000),
        ("2 a WATCH lock:x\n2 a GET lock:x\n2 a MULTI\n2 a DEL lock:x\n2 a EXEC", "WATCH ... EXEC", 1000),
        ("2 a MULTI\n2 a DEL lock:x\n2 a EXEC", "DEL", 1000),
        (SCRIPT + "\n2 lua get lock:x\n2 lua del lock:x", "a script", 1000),
        (SCRIPT, "a script", 1000),
        ("2 a DELIFEQ lock:x t", "one command", 1000),
        ("2 b EVAL script 1 lock:x other", "", None),
        ("2 a DEL lock:y", "", None),
    ],
)
def test_how_it_was_let_go(text: str, release: str, held_ms: int | None) -> None:
    hold = hold_in(TAKEN + text)
    assert (hold.release, hold.held_ms) == (release, held_ms)


def test_another_may_let_it_go() -> None:
    hold = hold_in(TAKEN + "2 b DEL lock:x")
    assert (hold.client, hold.released_by) == ("a", "b")


def test_a_renewal_moves_its_end() -> None:
    renewal = "4 a EVAL script 1 lock:x t 5000\n4 lua get lock:x\n4 lua pexpire lock:x 5000\n"
    hold = hold_in(TAKEN + renewal + "8 a EVAL script 1 lock:x t\n8 lua get lock:x\n8 lua del lock:x")
    assert (hold.extensions, hold.blind_extensions, hold.late_ms, hold.held_ms) == (1, 0, 0, 7000)
    assert hold_in(TAKEN + "4 a PEXPIRE lock:x 5000").blind_extensions == 1


def test_an_owner_who_comes_too_late() -> None:
    """It had run out and another has taken it: his script deletes nothing, and his work was not protected."""
    text = (
        TAKEN
        + "7 b SET lock:x u NX PX 5000\n8 a SADD sent 1\n"
        + SCRIPT.replace("2", "9", 1)
        + "\n9 lua get lock:x"
    )
    hold = hold_in(text)
    assert (hold.late_ms, hold.writes_after, hold.held_ms) == (3000, 1, None)
    lost = hold_in(TAKEN + "7 b SET lock:x u NX PX 5000\n8 a SADD sent 1")
    assert lost.writes_after == 0  # he never came back: who knows what he believed


def test_who_found_it_held() -> None:
    hold = hold_in(
        TAKEN + "2 b SET lock:x u NX PX 5000\n3 c SET lock:x v NX PX 5000\n7 c SET lock:x v NX PX 5000"
    )
    assert hold.refused == [("b", 2_000_000), ("c", 3_000_000)]
