"""Records behave as dataclasses with slots do: the standard library is the judge."""

from __future__ import annotations

import dataclasses
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
