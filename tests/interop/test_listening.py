"""Where a server listens, changed while it runs: ours beside real ones, said and done."""

from __future__ import annotations

import socket

import pytest
import redis

from tests.differential.servers import Judge, available_judges
from tests.interop.instances import PATIENCE_S, Instance, free_port, running

NOT_OURS = "203.0.113.9"  # an address for documentation, which no machine has


def words_of(call, *arguments: object) -> str:
    """A reply, or the words of a refusal."""
    try:
        return str(call(*arguments))
    except redis.ResponseError as error:
        return str(error)


def newcomer(port: int) -> str:
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(100).decode()
    except ConnectionRefusedError:
        return "nobody listens"


def transcript(instance: Instance, ports: dict[str, int]) -> list[str]:
    """What one connected client sees while the server moves from place to place."""
    told: list[str] = []
    instance.client.close()
    client = redis.Redis(port=instance.port, socket_timeout=PATIENCE_S, single_connection_client=True)

    def note(name: str, value: object) -> None:
        told.append(f"{name} {value}: {words_of(client.config_set, name, value)}")
        told.append(f"the client: {words_of(client.ping)}, {client.config_get('bind')}")
        told.extend(f"{place}: {newcomer(port)}" for place, port in ports.items())

    with client:
        for name, value in [
            ("port", ports["second"]),
            ("port", ports["taken"]),
            ("port", 70_000),
            ("bind", NOT_OURS),
            ("bind", f"127.0.0.1 -{NOT_OURS}"),
            ("bind", " ".join(["127.0.0.1"] * 17)),
            ("bind", "127.0.0.1 127.0.0.1"),
            ("bind", ""),
            ("bind", "127.0.0.1"),
            ("port", 0),
            ("port", ports["first"]),
            ("unixsocket", "elsewhere"),
        ]:
            note(name, value)
        both = {"port": ports["second"], "maxmemory-policy": "no such policy"}
        told.append(
            words_of(client.execute_command, "CONFIG SET", *(w for pair in both.items() for w in pair))
        )
        if instance.name != "valkey-9.1":  # which is built without TLS, and crashes
            told.append(words_of(client.config_set, "tls-port", ports["second"]))
    for place, port in ports.items():
        if place != "taken":
            told = [line.replace(str(port), place) for line in told]
    return told


@pytest.mark.parametrize("judge", available_judges(), ids=lambda judge: judge.name)
def test_moving_is_answered_and_done_as_by_a_real_server(judge: Judge) -> None:
    with running(Instance(judge), Instance(None)) as instances, socket.socket() as occupant:
        occupant.bind(("127.0.0.1", 0))  # it does not listen: who connects is refused
        taken = occupant.getsockname()[1]
        theirs, ours = (
            transcript(one, {"first": one.port, "second": free_port(), "taken": taken}) for one in instances
        )
        assert ours[: len(theirs)] == theirs
        assert "the client: True, {'bind': ''}" in ours
        where = instances[1].client.info("server")["listener0"]
        assert where == {"name": "tcp", "bind": "127.0.0.1", "port": instances[1].port}
