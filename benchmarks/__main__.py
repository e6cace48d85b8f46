"""`python -m benchmarks`: measures, prints, and writes benchmarks/RESULTS.md.

Times say something about one machine on one day; nothing is asserted on them. The ratios between the
columns of one run are what to look at.
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks import append_only_file, commands, growth, persistence, server

RESULTS = Path(__file__).parent / "RESULTS.md"

PAGE = """# Benchmarks

Written by `make bench` (`python -m benchmarks`); {machine}, fakeredis {fakeredis}, redis-py {redis}.
Best of several rounds. Times are this machine's; the ratios of one run are what to compare.

## One command at a time

`dict` is the bare Python operation, `node` the engine alone, `embedded` with lock and clock,
`redis-py` the genuine client on the embedded node, `fakeredis` the same client calls on fakeredis.

{commands}

## Sorted sets from a thousand to a million members

Microseconds per call in `node`. The members are spread at random, so a million of them do not fit
the processor's caches: what grows is memory latency, and the logarithm.

{growth}

## Saving and loading

Megabytes of the RDB file per second: `SAVE` and `DEBUG RELOAD NOSAVE` of real servers, our writer and
reader, and `pickle` of the same data as Python's own types.

{persistence}

## The append-only file

A SET on a node whose log goes to this machine's disk after each command (a server writes once for a whole
pipeline), then megabytes of a log of commands per second: rewriting it, and loading it.

{policies}

{logs}

## Over TCP

`redis-benchmark` against a real server and ours in turns: medians, and the processor time that each server
takes for one request, in its own code and in the kernel.

{server}
"""


def main() -> None:
    machine = f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}"
    page = PAGE.format(
        machine=machine,
        fakeredis=version("fakeredis"),
        redis=version("redis"),
        commands=commands.measure(),
        growth=growth.measure(),
        persistence=persistence.measure(),
        policies=append_only_file.measure_policies(),
        logs=append_only_file.measure_files(),
        server=server.measure(),
    )
    print(page)
    RESULTS.write_text(page)


if __name__ == "__main__":
    main()
