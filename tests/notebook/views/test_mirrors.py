"""What a fakeredis tells the views, and what not: it keeps objects, and an account of nothing."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.notebook import views
from minidis.notebook.session import Session
from minidis.notebook.views import scorecards
from minidis.notebook.views.mirrors import Untold
from minidis.protocol.replies import ReplyError


@pytest.fixture
def session() -> Session:
    return Session(Embedded(clock=0, seed=1))


def test_a_verdict_that_is_not_known_allows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Embedded(clock=0, seed=1)
    nobody = views.acl_matrix(["GET k"], ["no\nbody"], engine).take()
    assert nobody["rows"] == [["GET k", ["no such user"]]]
    for answer in (b"This user is asleep", ReplyError("ERR asleep"), None):
        monkeypatch.setattr(scorecards, "acl_dryrun", lambda *words, answer=answer: answer)
        matrix = views.acl_matrix(["GET k"], ["default"], engine)
        assert "✗ refused" in str(matrix) and "✓" not in str(matrix)
        assert matrix.draw(matrix.take()).title.endswith("; 0 allowed")


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
