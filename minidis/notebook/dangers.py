"""Which commands ask first on a server that is not the lesson's own, and why.

A cell that was written for the node in this kernel may run on a real server one day (`%redis connect URL`),
and the server may be somebody's. What deletes much, ends or halts the server, or changes it for everyone is
then sent only when the reader has agreed: to a question, or by `%%redis --yes` where nobody can be asked.

>>> danger_of([b"FlushAll", b"ASYNC"])
'FLUSHALL deletes every key of every database'
>>> danger_of([b"config", b"set", b"maxmemory", b"1"])
'CONFIG SET changes the server for everyone'
>>> danger_of([b"CONFIG", b"GET", b"*"]) is danger_of([b"GET", b"k"]) is None
True

Read next: session.py, which asks.
"""

from __future__ import annotations

from collections.abc import Sequence

_EVERYONE = "changes the server for everyone"
_DANGERS = {
    "FLUSHALL": "deletes every key of every database",
    "FLUSHDB": "deletes every key of the database",
    "SWAPDB": "exchanges two databases under all clients",
    "KEYS": "walks all keys while every client waits",
    "SHUTDOWN": "ends the server",
    "DEBUG": "can halt, crash or empty the server",
    "MONITOR": "slows the server, and shows what all clients send",
    "REPLICAOF": "can replace the whole dataset by another's",
    "SLAVEOF": "can replace the whole dataset by another's",
    "FAILOVER": "hands the primary's role to another server",
    "CONFIG SET": _EVERYONE,
    "CONFIG REWRITE": "writes the server's configuration file",
    "CONFIG RESETSTAT": "sets the figures that others watch to zero",
    "SCRIPT FLUSH": "takes the scripts away that others call",
    "FUNCTION FLUSH": "takes the functions away that others call",
    "FUNCTION DELETE": "takes functions away that others may call",
    "FUNCTION RESTORE": _EVERYONE,
    "ACL SETUSER": "changes who may do what",
    "ACL DELUSER": "hangs up on a user's clients for good",
    "ACL LOAD": "changes who may do what",
    "CLIENT KILL": "hangs up on other clients",
    "CLIENT PAUSE": "stops all clients",
    "MODULE LOAD": "runs somebody's code in the server",
    "MODULE LOADEX": "runs somebody's code in the server",
    "MODULE UNLOAD": _EVERYONE,
    "CLUSTER RESET": "takes the node out of its cluster",
    "CLUSTER FORGET": "takes a node out of the cluster",
    "CLUSTER FAILOVER": "hands the primary's role to another node",
    "CLUSTER FLUSHSLOTS": "leaves slots without an owner",
    "CLUSTER DELSLOTS": "leaves slots without an owner",
    "CLUSTER DELSLOTSRANGE": "leaves slots without an owner",
    "CLUSTER SETSLOT": "moves a slot",
    "SENTINEL REMOVE": "ends the watch over a primary",
    "SENTINEL RESET": "makes the sentinel forget what it knows",
    "SENTINEL FAILOVER": "hands the primary's role to another server",
}


def danger_of(argv: Sequence[bytes]) -> str | None:
    """What a command would do to others, as a sentence; None for one that may simply be sent."""
    words = [word.decode("latin-1").upper() for word in argv[:2]]
    for name in (words[0], " ".join(words)):
        if name in _DANGERS:
            return f"{name} {_DANGERS[name]}"
    return None
