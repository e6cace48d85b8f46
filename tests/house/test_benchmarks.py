"""Every workload runs and says what it must; what its numbers are, no test can know."""

from __future__ import annotations

import json

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks.harness import Call, as_table, ratio, time_in_turns


def test_every_workload_in_short(capsys):
    kept = {path: path.read_bytes() for path in (benchmarks.RESULTS, benchmarks.PAGE, benchmarks.CHART)}
    benchmarks.main(["--quick"])
    said = capsys.readouterr()
    for name, workload in benchmarks.WORKLOADS.items():
        assert f"## {workload.TITLE}" in said.out, name
        assert {peer for pair in workload.COMPARED for peer in pair} <= set(workload.PEERS)
    assert said.err.count("minidis redis-py") >= 3
    assert kept == {path: path.read_bytes() for path in kept}


def test_a_name_that_nobody_has(capsys):
    with pytest.raises(SystemExit):
        benchmarks.main(["calls", "colours"])
    assert "no workload is called colours" in capsys.readouterr().err


def test_the_page_is_what_was_found():
    found = json.loads(benchmarks.RESULTS.read_text())
    assert set(found) <= {*benchmarks.WORKLOADS, *benchmarks.PAGES}
    page = benchmarks.PAGE.read_text()
    for name, numbers in found.items():
        assert benchmarks.as_markdown(name, numbers) in page, name
    assert benchmarks.CHART.read_text() == benchmarks.chart(found).svg() + "\n"


def test_peers_take_turns():
    turns: list[str] = []

    async def awaited() -> None:
        turns.append("b")

    calls = {"a": Call(turns.append, ("a",)), "b": Call(awaited, is_awaited=True)}
    times = time_in_turns(calls, rounds=3, round_ns=1)
    assert times.keys() == {"a", "b"} and all(time_s > 0 for time_s in times.values())
    assert "".join(turns) == "aaaabbbb" + 3 * "ab"  # to see how long they take, then the rounds


def test_a_ratio_says_how_many_times_as_fast():
    assert ratio({"ours": 2.0, "theirs": 30.0}, ("ours", "theirs"), "us") == 15
    assert ratio({"ours": 30.0, "theirs": 2.0}, ("ours", "theirs"), "requests/s") == 15
    assert ratio({"ours": 2.0}, ("ours", "theirs"), "us") is None

    class Workload:
        UNIT, PEERS, COMPARED = "us", ("ours", "theirs", "nobody"), (("ours", "theirs"), ("ours", "nobody"))

    assert as_table(Workload, {"GET": {"ours": 2.0, "theirs": 30.0}, "SET": {"ours": 1.5}}).splitlines() == [
        "| us  | ours | theirs | theirs / ours |",
        "| --- | ---: |   ---: |          ---: |",
        "| GET | 2.00 |   30.0 |          15.0 |",
        "| SET | 1.50 |        |               |",
    ]
