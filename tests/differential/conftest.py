"""Real servers for the differential tests: started once per worker and module, stopped at its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.differential.servers import RealServer, available_judges
from tests.differential.sides import MinidisSide, RealSide

JUDGE_NAMES = ["redis-7.0", "valkey-9.1"]


@pytest.fixture(scope="module", params=JUDGE_NAMES)
def judge(request: pytest.FixtureRequest) -> Iterator[RealSide]:
    """Each real server in turn; without its program the test is skipped (in CI: fails)."""
    wanted = [judge for judge in available_judges() if judge.name == request.param]
    if not wanted:
        pytest.skip(f"no {request.param} on this machine")
    with RealServer(wanted[0]) as server:
        side = RealSide(server)
        yield side
        side.close()


@pytest.fixture
def ours() -> MinidisSide:
    return MinidisSide()
