"""`%redis bench`: what it says was sent was sent, nothing is left behind, and what is wrong is one line."""

from __future__ import annotations

import re

import pytest

from minidis.notebook.bench import TESTS
from tests.notebook.conftest import Notebook, real_server

ROW = re.compile(r"(\w+) +([\d,]+) +([\d,.]+) +([\d,.]+) +([\d,.]+)(   .*)?")


def rows(text: str) -> dict[str, tuple[list[float], str]]:
    """Test -> its four numbers, and what stands behind them."""
    found = {}
    for line in text.splitlines()[2:]:
        match = ROW.fullmatch(line)
        assert match, line
        name, *numbers, rest = match.groups()
        found[name] = ([float(number.replace(",", "")) for number in numbers], rest or "")
    return found


def test_the_embedded_node(notebook: Notebook) -> None:
    notebook.run("%redis lesson")
    notebook.run("%redis SET mine 1")
    text = notebook.run(f"%redis bench {' '.join(TESTS).lower()} -n 60 -r 10")
    assert text.startswith("the embedded node, in this process: 60 requests each, 3 bytes\n")
    assert list(rows(text)) == list(TESTS)
    for (per_s, p50_us, p99_us, longest_us), failed in rows(text).values():
        assert per_s > 0 and 0 < p50_us <= p99_us <= longest_us and not failed
    assert notebook.run("%redis KEYS *") == '1) "mine"'
    assert "name=bench" not in notebook.run("%redis CLIENT LIST")
    stats = notebook.run("%redis INFO commandstats")
    assert "cmdstat_ping:calls=60," in stats and "cmdstat_hset:calls=60," in stats


def test_errors_are_counted_not_hidden(notebook: Notebook) -> None:
    notebook.run("%redis lesson")
    notebook.run("%redis CONFIG SET maxmemory 1")
    (_, failed) = rows(notebook.run("%redis bench SET -n 20"))["SET"]
    assert failed.strip() == "20 errors: OOM command not allowed when used memory > 'maxmemory'."


@pytest.mark.parametrize("pipeline", [1, 7])
def test_a_real_server(notebook: Notebook, pipeline: int) -> None:
    with real_server() as server, server.connect() as other:
        notebook.run(f"%redis connect unix://{server.socket_path}")
        text = notebook.run(f"%redis bench INCR LPOP -n 50 -P {pipeline}")
        assert ", one connection, this Python as the client: 50 requests each, 3 bytes" in text
        assert (f", {pipeline} in a pipeline" in text) == (pipeline > 1)
        assert list(rows(text)) == ["INCR", "LPOP"]
        (_, stats), size = other.run([(b"INFO", b"commandstats"), (b"DBSIZE",)])
        assert b"cmdstat_incr:calls=50," in stats and b"cmdstat_lpop:calls=50," in stats
        assert size == (b":", b"0")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("FLY", r"FLY is no test; %redis bench \[PING SET GET .*\] \[-n requests\]"),
        ("GET -n", "-n is followed by a number from 1 to 1000000"),
        ("GET -n 0", "-n is followed by a number"),
        ("GET -P x", "-P is followed by a number"),
        ("GET -P 16", "-P saves round trips, and in this process there are none"),
    ],
)
def test_wrong_words_are_one_line(notebook: Notebook, words: str, complaint: str) -> None:
    text = notebook.run(f"%redis bench {words}")
    assert len(text.splitlines()) == 1 and re.search(complaint, text), text
