"""redis-cli in its modes: single commands, RESP3, a pipe, and the walks over all keys."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import redis

from tests.differential.wire import encode_command

SECONDS = 30


@pytest.fixture
def cli(server):
    program = shutil.which("redis-cli")
    assert program is not None
    with redis.Redis(port=server.port) as client:
        client.flushall()

    def run(*arguments: str, stdin: bytes = b"") -> str:
        words = [program, "-p", str(server.port), *arguments]
        ended = subprocess.run(words, input=stdin, capture_output=True, timeout=SECONDS)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.decode()

    return run


def test_commands_in_both_protocols(cli):
    cli("HSET", "h", "f", "v")
    assert cli("HGETALL", "h") == "f\nv\n"
    assert cli("-3", "--json", "HGETALL", "h") == '{"f":"v"}\n'
    assert "redis_version:" in cli("INFO", "server")


def test_a_script_of_commands(cli):
    assert cli(stdin=b"SET greeting 'hello world'\nGET greeting\n") == "OK\nhello world\n"


def test_pipe(cli):
    requests = b"".join(encode_command((b"SET", b"key:%d" % number, b"x")) for number in range(5000))
    assert "errors: 0, replies: 5000" in cli("--pipe", stdin=requests)
    assert cli("DBSIZE") == "5000\n"


def test_scan_and_bigkeys(cli):
    for number in range(30):
        cli("SET", f"s:{number}", "x" * number)
    cli("RPUSH", "long", *map(str, range(100)))
    assert sorted(cli("--scan", "--pattern", "s:1?").split()) == [f"s:{n}" for n in range(10, 20)]
    walk = cli("--bigkeys")
    assert "Biggest   list found" in walk and "has 100 items" in walk
    assert "Sampled 31 keys in the keyspace!" in walk
    assert "31 keys" in cli("--memkeys")


def test_stat_and_latency_are_bounded_by_their_reader(server):
    program = shutil.which("redis-cli")
    process = subprocess.Popen(
        [program, "-p", str(server.port), "--stat", "-i", "0.01"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline() for _ in range(4)]
    finally:
        process.kill()
        process.communicate()
    assert "keys" in lines[1] and "clients" in lines[1]
    assert len(lines[3].split()) >= 6


def test_monitor(server, cli):
    program = shutil.which("redis-cli")
    process = subprocess.Popen(
        [program, "-p", str(server.port), "MONITOR"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "OK\n"
        cli("SET", "watched", "1")
        while '"watched"' not in (line := process.stdout.readline()):
            assert line
        assert line.endswith('"SET" "watched" "1"\n')
    finally:
        process.kill()
        process.communicate()
