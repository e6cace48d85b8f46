"""What becomes of a notebook whose process does not reach its test; the class is in test_classroom.py."""

from __future__ import annotations

import pytest

from minidis.course.judging import Cell, judge

TEST = Cell('check("4.1", neighbours)', "test")


def test_a_process_that_was_killed() -> None:
    killer = Cell("import os, signal\nos.kill(os.getpid(), signal.SIGRTMIN + 3)")
    judged = judge([Cell("first = 1"), killer, TEST])["test"]
    assert judged.score == 0.0
    assert "the process was ended by signal 37" in judged.html and "code cell 2: import os" in judged.html


def test_a_process_that_was_cut_off() -> None:
    judged = judge([Cell("neighbours = 1\nimport time\ntime.sleep(10_000)"), TEST], timeout_s=3)["test"]
    assert judged.score == 0.0 and "it was still running after 3 s, and was cut off" in judged.html


def test_a_test_cell_without_a_check_is_the_teachers_mistake() -> None:
    with pytest.raises(ValueError, match="no check"):
        judge([Cell("1000.0", "test")])
