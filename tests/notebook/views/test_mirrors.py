"""What a fakeredis tells the views, and what not: it keeps objects, and an account of nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from minidis import Embedded
from minidis.notebook import views
from minidis.notebook.session import Session
from minidis.notebook.views.mirrors import Untold
from minidis.notebook.views.sources import follow_cells


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session(Embedded(clock=0, seed=1))
    yield session
    follow_cells(session.targets["embedded"])


def test_what_a_fakeredis_tells_and_what_not(session: Session) -> None:
    session.connect("fakeredis")
    assert str(views.keys()).startswith("keys of database 0: 0 keys")
    session.run("SET k v")
    for view in (views.keys(), views.show("k")):
        with pytest.raises(Untold, match="fakeredis keeps Python objects: there are no bytes to draw"):
            view.take()
    for told_by_clients in (views.transactions(), views.fanout("news")):
        with pytest.raises(Untold, match="fakeredis does not tell what its clients are doing"):
            told_by_clients.take()
    matrix = str(views.acl_matrix(["GET k"]))
    assert "✓" in matrix and "by ACL LIST: the rules are the server's, and judged here" in matrix
    gauges = str(views.dashboard())
    for command in ("INFO everything", "SLOWLOG GET", "LATENCY LATEST"):
        assert f"fakeredis does not answer {command}: ERR unknown command" in gauges
