"""Real servers still read the old formats: they judge the bytes of tests/persistence/old_formats.py."""

from __future__ import annotations

import pytest

from minidis.persistence.rdb_writer import seal_payload
from tests.differential.servers import RealServer, available_judges
from tests.persistence.old_formats import OLD_VALUES


@pytest.fixture(scope="module", params=available_judges(), ids=lambda judge: judge.name)
def connection(request):
    with RealServer(request.param) as server, server.connect() as connected:
        yield connected


@pytest.mark.parametrize("name", OLD_VALUES)
def test_a_real_server_reads_the_same(connection, name):
    body, commands = OLD_VALUES[name]
    restore = (b"RESTORE", b"old", b"0", seal_payload(body))
    replies = connection.run([(b"FLUSHALL",), *commands, restore])
    assert not [reply for kind, reply in replies if kind == b"-"]
    if name.startswith("stream"):
        questions = [(b"XRANGE", key, b"-", b"+") for key in (b"key", b"old")]
        questions += [(b"XPENDING", key, b"g") for key in (b"key", b"old")]
        entries, old_entries, pending, old_pending = connection.run(questions)
        assert (entries, pending) == (old_entries, old_pending)
        return
    ((_, digests),) = connection.run([(b"DEBUG", b"DIGEST-VALUE", b"key", b"old")])
    assert digests[0] == digests[1]
