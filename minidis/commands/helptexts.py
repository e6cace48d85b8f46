"""The HELP subcommands: what OBJECT, CLIENT, CONFIG, COMMAND, MEMORY ... say about themselves.

    > CONFIG HELP
    CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
    GET <pattern>
        Return parameters matching the glob-like <pattern> and their values.
    ...

Redis keeps these texts by hand, apart from the command table, and in places behind it: CLIENT LIST had its
ID filter for years before CLIENT HELP did. What our own table says is in HELP SET of a notebook cell.

Mirrors: addReplyHelp in networking.c, and its callers' arrays.
Differs: only subcommands that are there are described.
Complexity: O(lines).

>>> from minidis.drivers.embedded import Embedded
>>> Embedded(clock=0).execute("OBJECT", "HELP")[:2]
['OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:', 'ENCODING <key>']

Read next: introspection.py, which derives COMMAND DOCS from the syntax lines.
"""

from __future__ import annotations

from minidis.engine.client import Client
from minidis.engine.command_table.registry import LOADING, SENTINEL, STALE, command

_CLIENT = """\
CACHING (YES|NO)
    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.
GETREDIR
    Return the client ID we are redirecting to when tracking is enabled.
GETNAME
    Return the name of the current connection.
ID
    Return the ID of the current connection.
INFO
    Return information about the current client connection.
KILL <ip:port>
    Kill connection made from <ip:port>.
KILL <option> <value> [<option> <value> [...]]
    Kill connections. Options are:
    * ADDR (<ip:port>|<unixsocket>:0)
      Kill connections made from the specified address
    * LADDR (<ip:port>|<unixsocket>:0)
      Kill connections made to specified local address
    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)
      Kill connections by type.
    * USER <username>
      Kill connections authenticated by <username>.
    * SKIPME (YES|NO)
      Skip killing current connection (default: yes).
LIST [options ...]
    Return information about client connections. Options:
    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)
      Return clients of specified type.
UNPAUSE
    Stop the current client pause, resuming traffic.
PAUSE <timeout> [WRITE|ALL]
    Suspend all, or just write, clients for <timeout> milliseconds.
REPLY (ON|OFF|SKIP)
    Control the replies sent to the current connection.
SETNAME <name>
    Assign the name <name> to the current connection.
SETINFO <option> <value>
    Set client meta attr. Options are:
    * LIB-NAME: the client lib name.
    * LIB-VER: the client lib version.
UNBLOCK <clientid> [TIMEOUT|ERROR]
    Unblock the specified blocked client.
TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]
         [OPTIN] [OPTOUT] [NOLOOP]
    Control server assisted client side caching.
TRACKINGINFO
    Report tracking status for the current connection.
NO-EVICT (ON|OFF)
    Protect current client connection from eviction.
NO-TOUCH (ON|OFF)
    Will not touch LRU/LFU stats when this mode is on."""

_CONFIG = """\
GET <pattern>
    Return parameters matching the glob-like <pattern> and their values.
SET <directive> <value>
    Set the configuration <directive> to <value>.
RESETSTAT
    Reset statistics reported by the INFO command.
REWRITE
    Rewrite the configuration file."""

_COMMAND = """\
(no subcommand)
    Return details about all Redis commands.
COUNT
    Return the total number of commands in this Redis server.
LIST
    Return a list of all commands in this Redis server.
INFO [<command-name> ...]
    Return details about multiple Redis commands.
    If no command names are given, documentation details for all
    commands are returned.
DOCS [<command-name> ...]
    Return documentation details about multiple Redis commands.
    If no command names are given, documentation details for all
    commands are returned.
GETKEYS <full-command>
    Return the keys from a full Redis command.
GETKEYSANDFLAGS <full-command>
    Return the keys and the access flags from a full Redis command."""

_MEMORY = """\
DOCTOR
    Return memory problems reports.
MALLOC-STATS
    Return internal statistics report from the memory allocator.
PURGE
    Attempt to purge dirty pages for reclamation by the allocator.
STATS
    Return information about the memory usage of the server.
USAGE <key> [SAMPLES <count>]
    Return memory in bytes used by <key> and its value. Nested values are
    sampled up to <count> times (default: 5, 0 means sample all)."""

_OBJECT = """\
ENCODING <key>
    Return the kind of internal representation used in order to store the value
    associated with a <key>.
FREQ <key>
    Return the access frequency index of the <key>. The returned integer is
    proportional to the logarithm of the recent access frequency of the key.
IDLETIME <key>
    Return the idle time of the <key>, that is the approximated number of
    seconds elapsed since the last access to the key.
REFCOUNT <key>
    Return the number of references of the value associated with the specified
    <key>."""


_LATENCY = """\
DOCTOR
    Return a human readable latency analysis report.
GRAPH <event>
    Return an ASCII latency graph for the <event> class.
HISTORY <event>
    Return time-latency samples for the <event> class.
LATEST
    Return the latest latency samples for all events.
RESET [<event> ...]
    Reset latency data of one or more <event> classes.
    (default: reset all data for all event classes)
HISTOGRAM [COMMAND ...]
    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.
    If no commands are specified then all histograms are replied."""  # noqa: E501

_SLOWLOG = """\
GET [<count>]
    Return top <count> entries from the slowlog (default: 10, -1 mean all).
    Entries are made of:
    id, timestamp, time in microseconds, arguments array, client IP and port,
    client name
LEN
    Return the length of the slowlog.
RESET
    Reset the slowlog."""


def help_lines(container: str, text: str) -> list[str]:
    """The reply of `container HELP`: the usage, the subcommands, and HELP itself."""
    usage = f"{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    return [usage, *text.split("\n"), "HELP", "    Print this help."]


@command("CLIENT HELP", LOADING | STALE | SENTINEL, since="5.0.0", group="connection")
def client_help(client: Client) -> list[str]:
    """Describe the subcommands of CLIENT. O(1)."""
    return help_lines("CLIENT", _CLIENT)


@command("CONFIG HELP", LOADING | STALE, since="5.0.0", group="server")
def config_help(client: Client) -> list[str]:
    """Describe the subcommands of CONFIG. O(1)."""
    return help_lines("CONFIG", _CONFIG)


@command("COMMAND HELP", LOADING | STALE | SENTINEL, since="5.0.0", group="server")
def command_help(client: Client) -> list[str]:
    """Describe the subcommands of COMMAND. O(1)."""
    return help_lines("COMMAND", _COMMAND)


@command("MEMORY HELP", LOADING | STALE, since="4.0.0", group="server")
def memory_help(client: Client) -> list[str]:
    """Describe the subcommands of MEMORY. O(1)."""
    return help_lines("MEMORY", _MEMORY)


@command("OBJECT HELP", LOADING | STALE, since="6.2.0", group="generic")
def object_help(client: Client) -> list[str]:
    """Describe the subcommands of OBJECT. O(1)."""
    return help_lines("OBJECT", _OBJECT)


@command("LATENCY HELP", LOADING | STALE, since="2.8.13", group="server")
def latency_help(client: Client) -> list[str]:
    """Describe the subcommands of LATENCY. O(1)."""
    return help_lines("LATENCY", _LATENCY)


@command("SLOWLOG HELP", LOADING | STALE, since="6.2.0", group="server")
def slowlog_help(client: Client) -> list[str]:
    """Describe the subcommands of SLOWLOG. O(1)."""
    return help_lines("SLOWLOG", _SLOWLOG)
