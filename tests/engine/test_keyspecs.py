"""Key specs of every registered command: the keys they find are those that the command's line names."""

from __future__ import annotations

import pytest

import minidis.distributed  # noqa: F401  (files every command in the registry)
from minidis.engine.command_table.keyaccess import key_access, keys_of_request
from minidis.engine.command_table.keyspecs import (
    BadKeys,
    find_keys,
    has_movable_keys,
    key_specs,
    legacy_range,
)
from minidis.engine.command_table.registry import COMMANDS
from minidis.engine.command_table.syntax import parse
from minidis.protocol.quoting import split_arguments


@pytest.mark.parametrize(
    ("line", "request_line", "keys", "legacy"),
    [
        ("PING [message]", "PING x", "", (0, 0, 0)),
        ("GET key", "GET a", "a", (1, 1, 1)),
        ("DEL key [key ...]", "DEL a b c", "a b c", (1, -1, 1)),
        ("MSET key value [key value ...]", "MSET a 1 b 2", "a b", (1, -1, 2)),
        ("BLPOP key [key ...] timeout:float", "BLPOP a b 0", "a b", (1, -2, 1)),
        ("RENAME key newkey:key", "RENAME a b", "a b", (1, 2, 1)),
        ("BITOP (AND|OR) destkey:key key [key ...]", "BITOP AND d a b", "d a b", (2, -1, 1)),
        ("LMPOP numkeys:int key [key ...] (LEFT|RIGHT)", "LMPOP 2 a b LEFT", "a b", (0, 0, 0)),
        ("ZUNIONSTORE d:key numkeys:int key [key ...]", "ZUNIONSTORE d 1 a WEIGHTS 2", "d a", (1, 1, 1)),
        ("PFMERGE d:key [s:key [s:key ...]]", "PFMERGE d", "d", (1, -1, 1)),
        ("SORT key [ASC|DESC] [STORE d:key]", "SORT a DESC store d", "a d", (1, 1, 1)),
        ("OBJECT ENCODING key", "OBJECT ENCODING a", "a", (2, 2, 1)),
    ],
)
def test_line(line, request_line, keys, legacy):
    specs = key_specs(parse(line))
    assert find_keys(specs, request_line.encode().split()) == split_arguments(keys.encode())
    assert legacy_range(specs) == legacy


@pytest.mark.parametrize(
    "request_line", ["LMPOP 3 a b", "LMPOP x a b", "LMPOP 0 a b", "LMPOP -1 a b", "LMPOP"]
)
def test_a_count_that_makes_no_sense(request_line):
    with pytest.raises(BadKeys):
        find_keys(key_specs(parse("LMPOP numkeys:int key [key ...]")), request_line.encode().split())


def test_every_command_that_names_a_key_has_a_spec():
    for command in COMMANDS:
        named = "key" in command.line.text.split("|")[0].replace("[", " ").replace(":", " ").split()
        if named and command.line.name not in ("KEYS", "CLUSTER KEYSLOT"):
            assert key_specs(command.line), command


def test_movable():
    assert not has_movable_keys(key_specs(parse("RENAME key newkey:key")))
    assert has_movable_keys(key_specs(parse("LMPOP numkeys:int key [key ...]")))


@pytest.mark.parametrize(
    ("request_line", "keys"),
    [
        ("MIGRATE h 1 k 0 5", "k"),
        ('MIGRATE h 1 "" 0 5 KEYS a b c', "a b c"),
        ('MIGRATE h 1 "" 0 5 COPY AUTH KEYS KEYS a b', "a b"),
        ('MIGRATE h 1 "" 0 5 AUTH2 KEYS KEYS REPLACE KEYS a', "a"),
        ('MIGRATE h 1 "" 0 5 AUTH KEYS', '""'),
        ("MIGRATE h 1 k 0 5 KEYS a", ""),
        ("MIGRATE h 1 k 0 5 KEYS", "k"),
    ],
)
def test_every_key_of_a_migrate_is_found_and_treated_alike(request_line, keys):
    argv = split_arguments(request_line.encode())
    found = keys_of_request(COMMANDS.by_name["migrate"], argv)
    assert [argv[position] for position, _ in found] == split_arguments(keys.encode())
    assert {access for _, access in found} <= {key_access("migrate", readonly=False)[0]}
