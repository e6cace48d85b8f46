"""The course's own part: exercises with checks, hints and solutions, progress, interview cards.

    from minidis.course import check, hint, solution, progress, plug, unplug, replay, card

    from minidis.course.interview import gauntlet

Read next: exercise.py, then checks/chapter_02.py for real ones.
"""

from minidis.course.answers import keep_answers, put_answers_back
from minidis.course.chapter import replay
from minidis.course.grading import check
from minidis.course.hints import hint, solution
from minidis.course.interview.cards import card, cards
from minidis.course.interview.gauntlet import gauntlet
from minidis.course.overview import overview
from minidis.course.parts import plug, plugged, unplug
from minidis.course.progress import progress

__all__ = [
    "card",
    "cards",
    "check",
    "gauntlet",
    "hint",
    "keep_answers",
    "overview",
    "plug",
    "plugged",
    "progress",
    "put_answers_back",
    "replay",
    "solution",
    "unplug",
]
