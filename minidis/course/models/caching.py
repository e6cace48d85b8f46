"""A cache at work: streams of requests, and what share of them a policy answers from memory.

A *trace* is a list of page names, in the order in which they are asked for.  `replay` answers them as a
program does that has Redis beside its database: GET; on a miss, work it out and SET it.  The node has room
for so many pages and no more, and its policy decides which of them stay:

    steady    a few pages are asked for again and again, and stay popular
    drifting  the same, but every so often other pages become the popular ones
    scanned   steady, and now and then somebody walks once over a thousand cold pages
    looped    all pages in turn, a few more of them than fit
    sessions  each page a dozen times within a few minutes, and never again; in front of it a popular few

Everything is drawn from a seed: the same trace each time, and a fresh one for another seed.

>>> trace = TRACES["looped"](seed=1, requests=1000)
>>> hit_rate(trace, "allkeys-lru") < 0.2 < 0.4 < hit_rate(trace, "allkeys-random")
True

Read next: minidis/engine/memory/eviction.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from minidis.course.case import START
from minidis.drivers.embedded import Embedded, parse_time
from minidis.protocol.replies import ReplyError

PAGES_THAT_FIT = 200
PAGE_BYTES = 500
REQUESTS = 4000
SECONDS_BETWEEN = 0.1
REQUESTS_BETWEEN_TICKS = 5

Trace = list[bytes]


def steady(seed: int, requests: int = REQUESTS) -> Trace:
    """A thousand pages, the n-th most popular asked for in proportion to 1/n."""
    random = Random(f"steady {seed}")
    return [_page(_popular(random, 1000)) for _ in range(requests)]


def drifting(seed: int, requests: int = REQUESTS) -> Trace:
    """`steady`, but after each tenth of the requests the pages change their ranks."""
    random = Random(f"drifting {seed}")
    return [_page(_popular(random, 1000) * 7919 + 4001 * (n * 10 // requests)) for n in range(requests)]


def scanned(seed: int, requests: int = REQUESTS) -> Trace:
    """`steady`, with walks over cold pages in between: a third of all requests."""
    random = Random(f"scanned {seed}")
    trace: Trace = []
    cold = 1_000_000
    while len(trace) < requests:
        trace += [_page(_popular(random, 1000)) for _ in range(1000)]
        trace += [_page(cold + n) for n in range(500)]
        cold += 500
    return trace[:requests]


def looped(seed: int, requests: int = REQUESTS) -> Trace:
    """Pages in turn, a quarter more than fit."""
    first = Random(f"looped {seed}").randrange(10**6)
    return [_page(first + n % (PAGES_THAT_FIT * 5 // 4)) for n in range(requests)]


def sessions(seed: int, requests: int = REQUESTS) -> Trace:
    """Two thirds are of sessions, thirty at a time, each about a dozen requests long; the rest is popular."""
    random = Random(f"sessions {seed}")
    alive = list(range(30))
    following = 30
    trace: Trace = []
    for _ in range(requests):
        if random.random() < 0.33:
            trace.append(_page(_popular(random, 300)))
            continue
        place = random.randrange(len(alive))
        trace.append(_page(10_000 + alive[place]))
        if random.random() < 1 / 12:
            alive[place], following = following, following + 1
    return trace


TRACES: dict[str, Callable[..., Trace]] = {
    "steady": steady,
    "drifting": drifting,
    "scanned": scanned,
    "looped": looped,
    "sessions": sessions,
}


def replay(
    trace: Sequence[bytes],
    policy: str,
    pages_that_fit: int = PAGES_THAT_FIT,
    seed: int = 1,
    prepare: Callable[[Embedded], None] | None = None,
    ttl_s: int | None = None,
    **config: object,
) -> list[bool]:
    """Which of the requests were hits, when a node with this policy has room for so many pages.

    Pages get a time to live of `ttl_s` seconds; with a volatile policy and none, a week, so that they may
    go.  `prepare` is called with the node before the first request, to plug in a part.
    """
    settings = {"maxmemory-policy": policy} | {
        name.replace("_", "-"): value for name, value in config.items()
    }
    redis = Embedded(settings, clock=START, seed=seed)
    if prepare is not None:
        prepare(redis)
    if ttl_s is None and policy.startswith("volatile-"):
        ttl_s = 7 * 86_400
    life = () if ttl_s is None else ("EX", ttl_s)
    redis.execute("CONFIG", "SET", "maxmemory", _limit(pages_that_fit, life))
    content, hits = "x" * PAGE_BYTES, []
    start_us = parse_time(START)
    for number, page in enumerate(trace):
        if number % REQUESTS_BETWEEN_TICKS == 0:
            redis.jump(start_us + round(number * SECONDS_BETWEEN * 1_000_000))
        hits.append(redis.execute("GET", page) is not None)
        if not hits[-1]:
            try:
                redis.execute("SET", page, content, *life)
            except ReplyError:  # OOM: the page is answered all the same, from the database
                pass
    return hits


def hit_rate(trace: Sequence[bytes], policy: str, **options: object) -> float:
    """The share of the requests that were hits."""
    hits = replay(trace, policy, **options)  # type: ignore[arg-type]
    return sum(hits) / len(hits)


def running_rate(hits: Sequence[bool], window: int = 500) -> list[tuple[float, float]]:
    """(request, percent of hits among the `window` before it), at every half window: a curve to draw."""
    return [
        (end, 100 * sum(hits[max(0, end - window) : end]) / min(window, end))
        for end in range(window // 2, len(hits) + 1, window // 2)
    ]


def _limit(pages: int, life: tuple) -> int:
    """maxmemory for a node in which so many pages fit."""
    redis = Embedded({"maxmemory": "1gb"}, clock=START, seed=1)
    for number in range(pages):
        redis.execute("SET", _page(number), "x" * PAGE_BYTES, *life)
    return redis.node.memory.used_bytes()


def _popular(random: Random, pages: int) -> int:
    """The rank of a page that is asked for in proportion to 1/rank, from 0."""
    return int(pages ** random.random()) - 1


def _page(number: int) -> bytes:
    return b"page:%07d" % number
