"""SENTINEL SET, CONFIG and DEBUG: what can be changed while a Sentinel runs.

    SENTINEL SET mymaster down-after-milliseconds 5000      of one primary
    SENTINEL CONFIG SET announce-ip 10.0.0.9                of the Sentinel; all of them, or none
    SENTINEL DEBUG ping-period 100                          its periods, for tests

Every change is written to the file at once. SET stops at the first bad word, and keeps what came
before it, as Redis does.

Mirrors: sentinel.c (`sentinelSetCommand`, `sentinelConfigSetCommand`, `sentinelSetDebugConfigParameters`).
Complexity: O(words).
Read next: making.py.
"""

from __future__ import annotations

from collections.abc import Callable

from minidis.distributed.sentinel.commands import (
    primary_named,
    refuse_control_characters,
    saved,
    sentinel_of,
    subcommand,
)
from minidis.distributed.sentinel.role import Sentinel, decoded, encoded
from minidis.distributed.sentinel.state import Periods, Primary
from minidis.engine.client import Client
from minidis.protocol.glob import matches
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError
from minidis.structures.record import field_names

# ---- SENTINEL SET -----------------------------------------------------------------------------------------


@subcommand("SET master-name option value [option value ...]", raw=True)
def set_(client: Client, name: bytes, *words: bytes):
    """Change the configuration of a primary. O(N) in options."""
    sentinel, primary = sentinel_of(client), primary_named(client, name)
    refuse_control_characters(words, 3, "SENTINEL SET")
    at = 0
    try:
        while at < len(words):
            option = decoded(words[at]).lower()
            change = _CHANGES.get(option)
            width = 2 if option == "rename-command" else 1
            values = [decoded(word) for word in words[at + 1 : at + 1 + width]]
            if change is None or len(values) < width:
                raise ReplyError(
                    f"ERR Unknown option or number of arguments for SENTINEL SET '{decoded(words[at])}'"
                )
            try:
                change(sentinel, primary, values)
            except _BadValue as error:
                raise ReplyError(
                    f"ERR Invalid argument '{error}' for SENTINEL SET '{decoded(words[at])}'"
                ) from None
            told = ["******"] if option == "auth-pass" else values
            sentinel.event("warning", "+set", primary, f" {' '.join([decoded(words[at]), *told])}")
            at += 1 + width
    except ReplyError:
        if at:
            sentinel.flush()
        raise
    return saved(sentinel)


class _BadValue(ValueError):
    """A value that an option does not take; its text is the value."""


Change = Callable[[Sentinel, Primary, list[str]], None]


def _number(attribute: str, least: int = 1) -> Change:
    def change(sentinel: Sentinel, primary: Primary, values: list[str]) -> None:
        setattr(primary, attribute, _read_number(values[0], least))

    return change


def _read_number(text: str, least: int) -> int:
    number = parse_integer(encoded(text))
    if number is None or number < least:
        raise _BadValue(text)
    return number


def _set_down_after(sentinel: Sentinel, primary: Primary, values: list[str]) -> None:
    primary.down_after_ms = _read_number(values[0], 1)
    for instance in (*primary.replicas.values(), *primary.sentinels.values()):
        instance.down_after_ms = primary.down_after_ms


def _credential(attribute: str) -> Change:
    def change(sentinel: Sentinel, primary: Primary, values: list[str]) -> None:
        setattr(primary, attribute, values[0])
        for instance in (primary, *primary.replicas.values()):
            instance.link.close_all()  # it connects again, with the new one

    return change


def _script(attribute: str, kind: str) -> Change:
    def change(sentinel: Sentinel, primary: Primary, values: list[str]) -> None:
        if sentinel.settings.deny_scripts_reconfig:
            raise ReplyError(
                "ERR Reconfiguration of scripts path is denied for security reasons. Check the "
                "deny-scripts-reconfig configuration directive in your Sentinel configuration"
            )
        if values[0] and not sentinel.scripts.runner.is_executable(values[0]):
            raise ReplyError(f"ERR {kind} script seems non existing or non executable")
        setattr(primary, attribute, values[0])

    return change


def _rename_command(sentinel: Sentinel, primary: Primary, values: list[str]) -> None:
    old, new = values
    if not old or not new:
        raise _BadValue("")
    primary.renamed_commands.pop(old.lower(), None)
    if old.lower() != new.lower():
        primary.renamed_commands[old.lower()] = new


_CHANGES: dict[str, Change] = {
    "down-after-milliseconds": _set_down_after,
    "failover-timeout": _number("failover_timeout_ms"),
    "parallel-syncs": _number("parallel_syncs"),
    "notification-script": _script("notification_script", "Notification"),
    "client-reconfig-script": _script("client_reconfig_script", "Client reconfiguration"),
    "auth-pass": _credential("auth_password"),
    "auth-user": _credential("auth_user"),
    "quorum": _number("quorum"),
    "rename-command": _rename_command,
    "master-reboot-down-after-period": _number("reboot_down_after_ms", least=0),
}

# ---- SENTINEL CONFIG --------------------------------------------------------------------------------------

LOG_LEVELS = ("debug", "verbose", "notice", "warning", "nothing")
_YES_NO = ("resolve-hostnames", "announce-hostnames")
_TEXTS = ("announce-ip", "sentinel-user", "sentinel-pass")
OPTIONS = (
    "resolve-hostnames",
    "announce-hostnames",
    "announce-ip",
    "announce-port",
    "sentinel-user",
    "sentinel-pass",
    "loglevel",
)


@subcommand("CONFIG SET|GET parameter [parameter ...]", since="6.2.0", raw=True)
def config(client: Client, action: bytes, *words: bytes):
    """Show directives of the Sentinel itself (CONFIG GET, patterns), or change them (CONFIG SET). O(N)."""
    sentinel = sentinel_of(client)
    if action.lower() == b"get":
        return _get_config(sentinel, words)
    if action.lower() == b"set" and len(words) >= 2:
        return _set_config(sentinel, words)
    raise ReplyError(
        "ERR Only SENTINEL CONFIG GET <param> [<param> <param> ...] / SET <param> <value> "
        "[<param> <value> ...] are supported."
    )


def _get_config(sentinel: Sentinel, patterns: tuple[bytes, ...]) -> dict[bytes, bytes]:
    return {
        option.encode(): encoded(_show(sentinel, option))
        for pattern in patterns
        for option in OPTIONS
        if matches(pattern, option.encode(), nocase=True)
    }


def _show(sentinel: Sentinel, option: str) -> str:
    if option == "loglevel":
        return sentinel.node.config.loglevel
    value = getattr(sentinel.settings, option.replace("-", "_"))
    return ("yes" if value else "no") if option in _YES_NO else str(value)


def _set_config(sentinel: Sentinel, words: tuple[bytes, ...]) -> str:
    refuse_control_characters(words, 3, "SENTINEL CONFIG SET")
    chosen: dict[str, str] = {}
    for at in range(0, len(words), 2):
        name = decoded(words[at])
        option = name.lower()
        if option not in OPTIONS:
            raise ReplyError(f"ERR Invalid argument '{name}' to SENTINEL CONFIG SET")
        if option in chosen:
            raise ReplyError(f"ERR Duplicate argument '{name}' to SENTINEL CONFIG SET")
        if at + 1 == len(words):
            raise ReplyError(f"ERR Missing argument '{name}' value")
        chosen[option] = value = decoded(words[at + 1])
        if not _is_valid(option, value):
            raise ReplyError(f"ERR Invalid value '{value}' to SENTINEL CONFIG SET '{name}'")
    for option, value in chosen.items():
        _apply(sentinel, option, value)
    reply = saved(sentinel)
    if {"sentinel-user", "sentinel-pass"} & chosen.keys():
        for primary in sentinel.primaries.values():
            for other in primary.sentinels.values():
                other.link.close_all()
    return reply


def _is_valid(option: str, value: str) -> bool:
    if option in _YES_NO:
        return value.lower() in ("yes", "no")
    if option == "announce-port":
        number = parse_integer(encoded(value))
        return number is not None and 0 <= number <= 65535
    return option in _TEXTS or value.lower() in LOG_LEVELS


def _apply(sentinel: Sentinel, option: str, value: str) -> None:
    attribute = option.replace("-", "_")
    if option == "loglevel":
        sentinel.node.config.set({"loglevel": value.lower()})
    elif option in _YES_NO:
        setattr(sentinel.settings, attribute, value.lower() == "yes")
    elif option == "announce-port":
        sentinel.settings.announce_port = int(value)
    else:
        setattr(sentinel.settings, attribute, value)


# ---- SENTINEL DEBUG ---------------------------------------------------------------------------------------

PERIODS = {name.replace("_", "-"): name for name in field_names(Periods)}


@subcommand("DEBUG [parameter value [parameter value ...]]", since="7.0.0", raw=True)
def debug(client: Client, *words: bytes):
    """Show the periods in milliseconds, or change some. O(N)."""
    periods = sentinel_of(client).periods
    if not words:
        return {
            name.upper().encode(): b"%d" % getattr(periods, attribute) for name, attribute in PERIODS.items()
        }
    for at in range(0, len(words), 2):
        option = decoded(words[at])
        attribute = PERIODS.get(option.lower())
        if attribute is None or at + 1 == len(words):
            raise ReplyError(f"ERR Unknown option or number of arguments for SENTINEL DEBUG '{option}'")
        number = parse_integer(words[at + 1])
        if number is None or number <= 0:
            raise ReplyError(f"ERR Invalid argument '{decoded(words[at + 1])}' for SENTINEL DEBUG '{option}'")
        setattr(periods, attribute, number)
    return "OK"
