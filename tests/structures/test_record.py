"""Records behave as dataclasses with slots do: the standard library is the judge."""

from __future__ import annotations

import dataclasses
import pickle
import typing
from typing import Any

import pytest

from minidis.structures import record as records


def definitions(maker: Any, field: Any, **settings: Any) -> Any:
    @maker(**settings)
    class Sample:
        name: str
        size: int = 3
        parts: list[int] = field(default_factory=list)

        def doubled(self) -> int:
            return self.size * 2

    return Sample


def outcome(function: Any) -> Any:
    try:
        return function()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("settings", [{}, {"eq": False}, {"frozen": True}])
def test_a_record_does_what_a_dataclass_does(settings):
    ours = definitions(records.record, records.field, **settings)
    theirs = definitions(dataclasses.dataclass, dataclasses.field, slots=True, **settings)

    def story(sample: Any, replace: Any) -> list[Any]:
        one, same, other = sample("a"), sample("a", 3, []), sample(name="b", size=0, parts=[1])
        one.parts.append(7)
        return [
            *(repr(each) for each in (one, same, other, replace(other, size=9))),
            *(one == each for each in (sample("a", 3, [7]), same, other, one, "a")),
            one.doubled(),
            sample.__match_args__,
            hasattr(one, "__dict__"),
            *(outcome(lambda words=words: sample(*words)) for words in ((), ("a", 1, [], 4))),
            outcome(lambda: sample("a", colour="red")),
            outcome(lambda: hash(sample("a", 3, ())) == hash(sample("a", 3, ()))),
        ]

    assert story(ours, records.replace) == story(theirs, dataclasses.replace)


def test_what_is_frozen_stays():
    sample = definitions(records.record, records.field, frozen=True)("a")
    for change in (lambda: setattr(sample, "size", 1), lambda: delattr(sample, "size")):
        with pytest.raises(AttributeError, match="Sample.size cannot be changed"):
            change()
    assert sample.size == 3


def test_each_record_begins_with_a_value_of_its_own():
    sample = definitions(records.record, records.field)
    assert sample("a").parts is not sample("b").parts


class Ours(records.NamedTuple):
    """A pair."""

    left: int
    right: str = "r"

    def doubled(self) -> int:
        return self.left * 2


class Theirs(typing.NamedTuple):
    """A pair."""

    left: int
    right: str = "r"

    def doubled(self) -> int:
        return self.left * 2


def test_a_named_tuple_is_what_that_of_typing_is():
    def story(kind: Any) -> list[Any]:
        pair = kind(4)
        left, right = pair
        return [
            repr(pair).partition("(")[2],
            pair == (4, "r"),
            (left, right),
            pair._replace(right="x").right,
            pair.doubled(),
            kind._fields,
            kind._field_defaults,
            kind.__doc__,
            kind.__bases__,
            kind.__annotations__.keys(),
            pickle.loads(pickle.dumps(pair)) == pair,
            hash(pair) == hash((4, "r")),
            outcome(lambda: kind()),
            outcome(lambda: kind(1, "2", 3)),
            outcome(lambda: setattr(pair, "left", 1)),
        ]

    assert story(Ours) == story(Theirs)
