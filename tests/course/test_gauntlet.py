"""The gauntlet: its twenty demonstrations, the rubrics, and what spaced repetition remembers."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from minidis.course import gauntlet
from minidis.course.demos import demo, demos
from minidis.course.interview import repetition
from minidis.course.interview.cards import card, cards
from minidis.course.interview.gauntlet import OutOfTurn
from minidis.course.interview.rubrics import RUBRICS, judge

QUESTIONS = [f"AC{number}" for number in range(1, 21)]
SHOWN = {
    "AC1": "bitmap", "AC2": "512", "AC3": "memcached", "AC4": "up to 2 s", "AC5": "1000",
    "AC6": "200",
    "AC7": "7", "AC8": "lost", "AC9": "nobody", "AC10": "4", "AC11": "CROSSSLOT",
    "AC12": "Bob's lock is gone",
    "AC13": "over 50 ms", "AC14": "one client", "AC15": "client leak", "AC16": "under the Redis lock",
    "AC17": "a fencing token", "AC18": "2", "AC19": "two", "AC20": "some",
}  # fmt: skip


@pytest.fixture(autouse=True)
def progress_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "progress.json"
    monkeypatch.setenv("MINIDIS_PROGRESS", str(path))
    return path


@pytest.mark.parametrize("identifier", QUESTIONS)
def test_a_demonstration_runs_and_shows_what_it_always_shows(identifier: str) -> None:
    outcome = demo(identifier).run()
    assert outcome.answer in demo(identifier).choices
    assert outcome.answer == SHOWN[identifier]
    assert len(outcome.lines) >= 2 and all(outcome.lines)


def test_every_question_has_a_demonstration_and_a_rubric_of_four_points() -> None:
    assert [one.identifier for one in demos()] == QUESTIONS == list(RUBRICS)
    assert all(len(points) == 4 for points in RUBRICS.values())
    assert all(len(set(one.choices)) >= 2 for one in demos())
    with pytest.raises(LookupError, match="AC1 to AC20"):
        demo("AC21")


def spoken(identifier: str) -> str:
    found = card(identifier)
    return " ".join((found.claim, found.evidence, found.caveat, found.follow_up))


CARDS = [found.identifier for found in cards() if found.identifier in RUBRICS]


@pytest.mark.parametrize("identifier", CARDS)
def test_a_card_has_the_points_of_its_own_rubric_and_few_of_others(identifier: str) -> None:
    judged = judge(identifier, spoken(identifier))
    assert judged.score == 4, judged
    assert judge(identifier, "").score == 0
    assert judge(identifier, "Redis is very fast and everybody uses it.").score == 0
    others = [judge(identifier, spoken(other)).score for other in CARDS if other != identifier]
    assert sum(others) / len(others) < 3


def test_a_lecture_costs_a_point() -> None:
    long = judge("AC13", spoken("AC13") + " and so on" * 100)
    assert (len(long.said), long.score, long.seconds > 100) == (4, 3, True)
    with pytest.raises(LookupError):
        judge("AC99", "x")


def test_a_round_from_the_question_to_the_score() -> None:
    one = gauntlet(seed=3, today="2026-01-05")
    assert one.card.question in repr(one) and one.demonstration.question in repr(one)
    with pytest.raises(OutOfTurn, match="first say"):
        one.score()
    with pytest.raises(ValueError, match="choose one of"):
        one.predict("no such choice")
    one.say("I do not know.")
    one.say(spoken(one.card.identifier))  # the last one counts
    one.predict(SHOWN[one.card.identifier])
    outcome = one.demo()
    assert one.demo() is outcome  # it does not run twice
    with pytest.raises(OutOfTurn, match="no prediction"):
        one.predict(SHOWN[one.card.identifier])
    assert "5 of 5" in repr(one.score()) and "2026-01-06" in repr(one.score())
    assert one.points == 5
    with pytest.raises(OutOfTurn, match="is over"):
        one.say("once more")
    assert repetition.due_on(one.card.identifier) == date(2026, 1, 6)
    assert repr(gauntlet(seed=3, today="2026-01-05")) != repr(one)  # it is known now


def test_the_seed_decides_and_a_wrong_prediction_costs_a_point() -> None:
    assert {repr(gauntlet(seed=5, today="2026-01-05")) for _ in range(3)} == {
        repr(gauntlet(seed=5, today="2026-01-05"))
    }
    assert len({gauntlet(seed=n, today="2026-01-05").card.identifier for n in range(30)}) > 8
    one = gauntlet(seed=5, today="2026-01-05")
    one.say(spoken(one.card.identifier))
    wrong = next(c for c in one.demonstration.choices if c != SHOWN[one.card.identifier])
    one.predict(wrong)
    one.demo()
    one.score()
    assert one.points == 4


def test_cards_come_back_later_and_later_and_at_once_after_a_failure() -> None:
    day, due = "2026-01-01", []
    for score in (5, 4, 5, 3, 5, 1):
        due.append((repetition.answered("AC1", score, day) - date.fromisoformat(day)).days)
    assert due == [1, 3, 7, 7, 21, 0]
    assert repetition.draw(["AC1", "AC2"], seed=1, today="2026-01-01") == "AC1"  # due goes before new
    repetition.answered("AC1", 5, day)
    assert repetition.draw(["AC1", "AC2"], seed=1, today="2026-01-01") == "AC2"
    repetition.answered("AC2", 5, day)
    repetition.answered("AC2", 5, day)
    assert repetition.draw(["AC1", "AC2"], seed=1, today="2026-01-01") == "AC1"  # the first that is due
    deck = repetition.deck("2026-01-02")
    assert "1 due" in deck.svg()
    assert "AC1" in str(deck) and "due" in str(deck)


def test_another_kernel_remembers(progress_file: Path) -> None:
    code = (
        "from minidis.course.interview import repetition; print(repetition.answered('AC7', 5, '2026-01-05'))"
    )
    environment = {**os.environ, "MINIDIS_PROGRESS": str(progress_file)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=100)
    assert repetition.due_on("AC7") == date(2026, 1, 6)
    assert repetition.answered("AC7", 5, "2026-01-06") == date(2026, 1, 9)
