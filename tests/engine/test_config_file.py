"""Lines of redis.conf; the whole file is read by the server's tests in tests/drivers/test_server.py."""

from __future__ import annotations

import pytest

from minidis.engine.config_file import ConfigFileError, Settings


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b"save", {"save": ""}),
        (b"save \nsave 10 1", {"save": "10 1"}),
        (b'save ""', {"save": ""}),
        (b"bind", {"bind": ""}),
    ],
)
def test_a_list_may_be_empty(text, values):
    settings = Settings()
    settings.load(text)
    assert settings.values == values


def test_a_single_value_may_not_be_missing():
    with pytest.raises(ConfigFileError, match="wrong number of arguments"):
        Settings().load(b"port")
