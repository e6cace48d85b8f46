"""TLS as redis-py and redis-cli speak it, with certificates that trustme makes."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator

import pytest
import redis

from tests.interop.conftest import ENVIRONMENT, free_port


@pytest.fixture(scope="module")
def files(certificates):
    """The same by a short name, for it is in every line here."""
    return certificates


def options(files, auth_clients: str) -> list[str]:
    words = ["--tls-cert-file", f"{files}/server.pem", "--tls-key-file", f"{files}/server.key"]
    return [*words, "--tls-ca-cert-file", f"{files}/ca.pem", "--tls-auth-clients", auth_clients]


@pytest.fixture(scope="module")
def strict_port(start, files):
    port = free_port()
    start("--tls-port", str(port), *options(files, "yes"))
    return port


def test_a_client_that_shows_its_certificate(strict_port, files):
    shown = {"ssl_certfile": f"{files}/client.pem", "ssl_keyfile": f"{files}/client.key"}
    with redis.Redis("localhost", strict_port, ssl=True, ssl_ca_certs=f"{files}/ca.pem", **shown) as client:
        client.set("k", b"x" * 1_000_000)
        assert client.get("k") == b"x" * 1_000_000


def test_a_client_without_one_is_turned_away(strict_port, files):
    with redis.Redis("localhost", strict_port, ssl=True, ssl_ca_certs=f"{files}/ca.pem") as client:
        with pytest.raises(redis.ConnectionError):
            client.ping()
    with redis.Redis("localhost", strict_port) as plain, pytest.raises(redis.ConnectionError):
        plain.ping()


def test_tls_alone_without_client_certificates(start, files):
    port = free_port()
    arguments = ["--port", "0", "--tls-port", str(port), "--tls-protocols", "TLSv1.3", *options(files, "no")]
    start(*arguments)
    with redis.Redis("localhost", port, ssl=True, ssl_ca_certs=f"{files}/ca.pem") as client:
        assert client.ping()
    program = shutil.which("redis-cli")
    words = [program, "-p", str(port), "--tls", "--cacert", f"{files}/ca.pem", "INCR", "n"]
    assert subprocess.run(words, capture_output=True, timeout=20).stdout == b"1\n"


def test_a_missing_certificate_is_a_clear_error(tmp_path):
    import sys

    words = [sys.executable, "-m", "minidis", "--port", "0", "--tls-port", str(free_port())]
    ended = subprocess.run(words, capture_output=True, timeout=30, env=ENVIRONMENT, cwd=tmp_path, text=True)
    assert ended.returncode == 1
    assert "No tls-cert-file configured!" in ended.stdout
    assert "Failed to configure TLS. Check logs for more info." in ended.stdout


@contextlib.contextmanager
def secured(port: int, files, ciphers: str | None = None) -> Iterator[ssl.SSLSocket]:
    """A connection without a certificate of our own."""
    context = ssl.create_default_context(cafile=f"{files}/ca.pem")
    if ciphers is not None:
        context.set_ciphers(ciphers)
    with socket.create_connection(("localhost", port), 20) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as connection:
            yield connection


def ask(port: int, files) -> bytes:
    """The reply to a PING; none if the server hangs up."""
    with secured(port, files) as connection:
        try:
            connection.sendall(b"PING\r\n")
            return connection.recv(100)
        except OSError:  # with an alert, or without
            return b""


def agreed_cipher(port: int, files) -> str:
    """What a client and the server use if the client would rather have AES256 than AES128."""
    with secured(port, files, "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256") as connection:
        return connection.cipher()[0]


def test_directives_are_read_again_while_the_server_runs(start, files):
    """Who connects after CONFIG SET meets the new certificate, or is asked for one; who is there stays."""
    port = free_port()
    plain = start("--tls-port", str(port), *options(files, "no"))

    def shown() -> bytes:
        with secured(port, files) as connection:
            return connection.getpeercert(binary_form=True)

    def certificate(name: str) -> bytes:
        pem = (files / f"{name}.pem").read_text()
        return ssl.PEM_cert_to_DER_cert(pem[: pem.index("-----END") + len("-----END CERTIFICATE-----")])

    def set_to(**directives: str) -> object:
        words = (word for name, value in directives.items() for word in (name.replace("_", "-"), value))
        return client.execute_command("CONFIG SET", *words)

    with redis.Redis("localhost", port, ssl=True, ssl_ca_certs=f"{files}/ca.pem") as client:
        assert shown() == certificate("server")
        set_to(tls_cert_file=f"{files}/client.pem", tls_key_file=f"{files}/client.key")
        assert shown() == certificate("client")
        with pytest.raises(
            redis.ResponseError, match="Unable to update TLS configuration. Check server logs."
        ):
            set_to(tls_cert_file=f"{files}/no.pem")
        assert shown() == certificate("client") and client.ping()
        other = free_port()
        assert ask(port, files) == b"+PONG\r\n"
        both = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"
        set_to(tls_protocols="TLSv1.2", tls_ciphers=both)
        assert agreed_cipher(port, files) == "ECDHE-ECDSA-AES256-GCM-SHA384"  # as the client would have it
        set_to(tls_prefer_server_ciphers="yes")
        assert agreed_cipher(port, files) == "ECDHE-ECDSA-AES128-GCM-SHA256"
        set_to(tls_port=str(other), tls_auth_clients="yes", tls_protocols="")
        with pytest.raises(ConnectionRefusedError):
            shown()
        assert ask(other, files) == b""  # a certificate is wanted
        assert client.ping()
    with redis.Redis("localhost", plain.port) as unsecured:
        assert unsecured.config_get("tls-port") == {"tls-port": str(other)}
