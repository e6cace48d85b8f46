"""What exercise 5.2 stands on: six jobs of counting, each with what is asked, the ids, and two limits.

    choose(spec) -> "set" | "bitmap" | "hll"

A check fills the chosen structure with the spec's own ids and measures: MEMORY USAGE, and the error of
the count, against the limits.

>>> spec = SPECS[0]
>>> spec.name, spec.elements, spec.largest_id, spec.sample(seed=1)[:2]
('newsletter', 400, None, ['reader-550@example.org', 'reader-2331@example.org'])

Read next: exercise 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from minidis.course.guard import unobserved

KINDS = ("set", "bitmap", "hll")


@dataclass(frozen=True)
class Spec:
    """A job: `elements` different ids come; `asks` says what must be answered.

    asks: of "count", "contains" (was this id there?), "forget" (take an id out again) and "both days" (how
    many of today's ids were there yesterday, too?). `largest_id` is None where ids are names, not numbers.
    `limit_bytes` holds for one key's MEMORY USAGE; `limit_error` is relative, 0.0 asks for exact answers.
    """

    name: str
    asks: tuple[str, ...]
    elements: int
    largest_id: int | None
    limit_bytes: int
    limit_error: float

    def sample(self, seed: int) -> list[int] | list[str]:
        """One day's ids: `elements` different ones; numbers from 0 to `largest_id`, or names. O(elements)."""
        return unobserved(self._sample)(Random(seed))

    def _sample(self, random: Random) -> list[int] | list[str]:
        if self.largest_id is None:
            numbers = random.sample(range(10 * self.elements), self.elements)
            return [f"reader-{number}@example.org" for number in numbers]
        return [*random.sample(range(self.largest_id), self.elements - 1), self.largest_id]

    def __str__(self) -> str:
        what = "names" if self.largest_id is None else f"numbers up to {self.largest_id:,}"
        exact = f"error at most {self.limit_error:.1%}" if self.limit_error else "exact"
        return (
            f"{self.name}: {self.elements:,} different ids, {what}; asked: {', '.join(self.asks)}; "
            f"{exact}, at most {self.limit_bytes:,} bytes"
        )


SPECS = (
    Spec("newsletter", ("count", "contains", "forget"), 400, None, 64_000, 0.0),
    Spec("daily active users", ("count", "contains", "both days"), 10_000, 25_000, 8_000, 0.0),
    Spec("unique visitors by cookie", ("count",), 20_000, None, 16_000, 0.03),
    Spec("moderators", ("contains", "forget"), 300, 2**62, 8_000, 0.0),
    Spec("devices that reported", ("count",), 5_000, 80_000_000, 16_000, 0.05),
    Spec("seats sold", ("count", "forget"), 30_000, 100_000, 16_000, 0.0),
)
"""The six jobs of the exercise. A check draws more of their kind, with other numbers."""
