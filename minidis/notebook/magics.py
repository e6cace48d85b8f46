"""The magics: `%%redis` and `%redis` run commands, `%clock` moves the node's time.

    %load_ext minidis
    %redis lesson                     a fresh node, fixed seed, frozen clock: the same answers every time

    %%redis                           %%redis @alice --resp -3         x = %redis GET k
    SET k "hello"  # a comment        %%redis reply <<                 %redis connect redis://localhost
    GET k                             %%redis --on fakeredis           %redis status

Nothing here raises but Ctrl-C: a wrong option, like a wrong command, is one short line in the output.
(IPython's own UsageError would even pass a test that compares the outputs.)

Read next: README.md in this folder, for the whole syntax.
"""

from __future__ import annotations

import linecache
import re
import sys
from collections import ChainMap
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from IPython.core.error import StdinNotImplementedError
from IPython.core.magic import (
    Magics,
    line_cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from IPython.display import display

from minidis.drivers import browser, interrupts
from minidis.drivers.embedded import Embedded, default_node, parse_time
from minidis.engine.durability.disk import DiskError
from minidis.engine.durability.loading import LoadError
from minidis.notebook import observers, unwritten
from minidis.notebook.bench import PlanError, bench
from minidis.notebook.completion import MOST_KEYS, make_matcher
from minidis.notebook.help import help_text
from minidis.notebook.rendering import Fragment, error_fragments
from minidis.notebook.session import Options, Result, Session, panel
from minidis.notebook.targets import DEFAULT_CLIENT, EmbeddedTarget, ServerTarget, TargetError
from minidis.notebook.views.sources import follow_cells
from minidis.notebook.views.view import refresh_all
from minidis.protocol.replies import ReplyError

LESSON_SEED = 1
LESSON_CLOCK = "2026-01-01T00:00:00Z"

_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([+-]?)(\d+(?:\.\d+)?)\s*(us|ms|s|min|m|h|d)?")
_ASSIGNMENT = re.compile(r"(?:^|\s)([^\W\d]\w*)\s*<<\s*$")
_CALL = "get_ipython().run_line_magic("
_USAGE = "%%redis [@client] [-2|-3] [--resp] [--raw] [--on TARGET] [--beside TARGET] [--yes] [variable <<]"


class UsageFault(Exception):
    """A magic was used wrongly; the text says how it is used."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: the cell fails, so that Run All stops, but in one line."""

    def _render_traceback_(self, *arguments: Any) -> list[str]:
        return ["interrupted: the lines below did not run"]


@dataclass(slots=True)
class Header:
    """What stands behind `%%redis` or `%redis`: options, then perhaps a command."""

    options: Options
    rest: str
    variable: str | None = None


@magics_class
class RedisMagics(Magics):
    """The magics of one IPython shell, and the session that they share."""

    shell: Any

    def __init__(self, shell: Any, session: Session) -> None:
        super().__init__(shell)
        self.session = session
        session.ask = ask_reader

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def redis(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """Run Redis commands, in a cell (%%redis) or in a line (%redis).

        %%redis [@client] [-2|-3] [--resp] [--raw] [--on TARGET] [--beside TARGET] [--yes] [variable <<]

            @client      a named client with a connection of its own: database, MULTI, waiting
            -2  -3       print as RESP2 or RESP3 for this cell
            --resp       show the bytes of requests and replies
            --raw        print strings as they are
            --on TARGET  embedded, another node's name, fakeredis or a redis:// URL, for this cell
            --beside TARGET   run the cell there, too, and mark where the replies differ
            --yes        send FLUSHALL and other dangerous commands to a server without a question
            variable <<  put the reply into a Python variable instead of printing it

        x = %redis GET k                     the reply as a Python value
        %redis connect TARGET                run all cells there from now on
        %redis connect embedded other        another node in this kernel
        %redis reset [SEED] [--clock TIME]   a fresh node; %redis lesson: seed 1, frozen clock
        %redis save FILE                     the dataset into an RDB file of this computer
        %redis open FILE                     and back again, in the place of what is there
        %redis serve [--port N]              answer redis-cli and other programs too; %redis serve stop
        %redis bench [TESTS] [-n N] [-P N]   requests a second, here or on the server that cells run on
        %redis progress [CHAPTER]            your exercises, points and interview cards
        %redis audit [FILE]                  29 checks of the guide; FILE: what redis-cli monitor wrote
        %redis status                        target, clients, clock
        HELP SET, HELP @string               inside a cell: what a command does

        In a command, # starts a comment, $name and ${expression} are Python values (one argument each,
        never split), ${*items} is one argument per item, text in quotes is left alone.
        """
        namespace = ChainMap(local_ns or {}, self.shell.user_ns)
        try:
            if cell is not None:
                return self._run_cell(line, cell, namespace)
            return self._run_line(line, namespace)
        except (UsageFault, TargetError) as error:
            show([error_fragments(str(error))])
            return None
        finally:
            observers.announce()

    @no_var_expand
    @line_magic
    def clock(self, line: str) -> None:
        """Show or move the clock of the node.

        %clock                     what time it is for the node
        %clock freeze [TIME]       stop it, here or at an ISO time: 2026-01-01T00:00:00Z
        %clock step 5s             forward: 250ms, 5s, 2m, 1h, 3d; timers and expiry run on the way
        %clock jump TIME           set it to an ISO time, or by +1h / -1h, as a clock that is corrected
        %clock run                 real time again
        """
        try:
            target = self.session.embedded_target("%clock")
            note = _move_clock(target.embedded, line.split("#")[0].split())
            show([[("status", clock_text(target.embedded)), ("note", note)], *self.session.late_blocks()])
        except (UsageFault, TargetError) as error:
            show([error_fragments(str(error))])
        finally:
            observers.announce()

    # -- %%redis and %redis -----------------------------------------------------------------------

    def _run_cell(self, line: str, cell: str, namespace: Any) -> None:
        header = read_header(line, is_cell=True)
        result = self.session.run(cell, header.options, namespace)
        self._show(result, header.variable)

    def _run_line(self, line: str, namespace: Any) -> Any:
        words = line.split("#")[0].split()
        subcommand = SUBCOMMANDS.get(words[0] if words else "status")
        if subcommand is not None:
            show(subcommand(self.session, words[1:]))
            return None
        header = read_header(line, is_cell=False)
        result = self.session.run(header.rest, header.options, namespace)
        is_used = header.variable is None and _value_is_used()
        self._show(result, header.variable, is_used)
        return result.value if is_used else None

    def _show(self, result: Result, variable: str | None = None, is_used: bool = False) -> None:
        """Print the replies; of a value that goes into a variable, only the notices."""
        if variable is not None:
            self.shell.user_ns[variable] = result.value
        show(result.notices if variable is not None or is_used else result.blocks)
        if result.was_interrupted:
            raise Interrupted

    # -- what IPython calls -----------------------------------------------------------------------

    def after_cell(self, *arguments: Any) -> None:
        """Print what a Python cell woke up, and let the views follow."""
        show(self.session.late_blocks())
        observers.announce()

    def live_keys(self, prefix: bytes) -> list[bytes]:
        """For completion: keys of the database that unnamed cells use."""
        interrupts.postpone()
        try:
            connection = self.session.connection(DEFAULT_CLIENT)
            return self.session.target.live_keys(connection, prefix, MOST_KEYS)
        except (ReplyError, TargetError):
            return []


def read_header(line: str, is_cell: bool) -> Header:
    """The options at the beginning of `line`. Raises UsageFault for what is none.

    >>> header = read_header("@alice --resp reply <<", is_cell=True)
    >>> header.options.client, header.options.show_wire, header.variable
    ('alice', True, 'reply')
    """
    options, variable = Options(), None
    if is_cell:
        line = re.sub(r"(^|\s)#.*", "", line)
        if match := _ASSIGNMENT.search(line):
            variable, line = match[1], line[: match.start()]
    rest = line.strip()
    while rest:
        word, _, after = rest.partition(" ")
        if word.startswith("@") and word[1:].isidentifier():
            options.client = word[1:]
        elif word in ("-2", "-3"):
            options.protocol = int(word[1])
        elif word == "--resp":
            options.show_wire = True
        elif word == "--raw":
            options.raw = True
        elif word == "--on":
            options.target, _, after = after.strip().partition(" ")
        elif word == "--beside":
            options.beside, _, after = after.strip().partition(" ")
        elif word == "--yes":
            options.agreed = True
        elif word.startswith("-") or is_cell:
            raise UsageFault(f"{word} is no option of {_USAGE}")
        else:
            break
        rest = after.strip()
    return Header(options, rest, variable)


def ask_reader(question: str) -> bool | None:
    """Ask in the cell; None where nobody can answer (a notebook that is run by a program)."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except (StdinNotImplementedError, EOFError, OSError):
        return None


def show(blocks: list[list[Fragment]]) -> None:
    """Print the blocks as one panel; nothing when there are none."""
    shown = panel(blocks)
    if shown is not None:
        display(shown)


def clock_text(embedded: Embedded) -> str:
    return f"{time_text(embedded.now_us)}, {'frozen' if embedded.is_frozen else 'running'}"


def time_text(time_us: int) -> str:
    """A unix time in microseconds, as people read it.

    >>> time_text(1_500_000)
    '1970-01-01 00:00:01.500 UTC'
    """
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    except OverflowError:
        return f"{time_us} us"
    fraction = f".{moment.microsecond // 1000:03d}" if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} UTC"


def seconds(text: str) -> float:
    """A duration as seconds; a bare number is seconds. Raises UsageFault.

    >>> seconds("250ms"), seconds("-1h"), seconds("5")
    (0.25, -3600.0, 5.0)
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise UsageFault(f"{text} is no duration: 250ms, 5s, 2m, 1h or 3d")
    return float(match[1] + match[2]) * _UNITS_S[match[3] or "s"]


def _move_clock(embedded: Embedded, words: list[str]) -> str:
    """Do what `%clock WORDS` says; a note on what happened on the way."""
    action, argument = (words[0] if words else "show"), " ".join(words[1:])
    before = embedded.node.expired_keys
    note = ""
    if action in ("step", "jump") and not embedded.is_frozen:
        raise UsageFault("the clock runs by itself; %clock freeze stops it")
    if action == "show" and not argument:
        pass
    elif action == "freeze":
        embedded.freeze(_time(argument) if argument else None)
    elif action == "step":
        step_s = seconds(argument or "1s")
        if step_s < 0:
            raise UsageFault("steps go forward; %clock jump -1h sets the clock back")
        embedded.step(step_s)
        note = f" (+{_duration_text(step_s)}"
    elif action == "jump" and argument:
        if _DURATION.fullmatch(argument) and argument[0] in "+-":
            embedded.jump(embedded.now_us + round(seconds(argument) * 1_000_000))
        else:
            embedded.jump(_time(argument))
    elif action == "run" and not argument:
        embedded.run()
    else:
        raise UsageFault("%clock is followed by nothing, freeze [TIME], step 5s, jump TIME, jump +1h or run")
    freed = embedded.node.expired_keys - before
    if freed:
        note += f"{', ' if note else ' ('}{freed} expired {'key' if freed == 1 else 'keys'} freed"
    return note + ")" if note else ""


def _duration_text(duration_s: float) -> str:
    return f"{duration_s:g} s" if duration_s >= 1 else f"{duration_s * 1000:g} ms"


def _time(text: str) -> int:
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        raise UsageFault(f"{text} is no ISO time: 2026-01-01T00:00:00Z") from None


# -- %redis connect, reset, lesson, status, help -----------------------------------------------------


def _connect(session: Session, words: list[str]) -> list[list[Fragment]]:
    if not 1 <= len(words) <= 2 or len(words) == 2 and words[0] != "embedded":
        raise UsageFault(
            "%redis connect embedded [NAME], fakeredis, valkey, redis://HOST:PORT, unix://PATH, "
            "redis+cluster://HOST:PORT or redis+sentinel://HOST:PORT/SERVICE"
        )
    if len(words) == 2:
        session.add_node(words[1])
    target = session.connect(words[-1])
    return [[("status", f"cells now run on {target.describe()}")]]


def _reset(session: Session, words: list[str]) -> list[list[Fragment]]:
    seed, clock = None, None
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in ("--seed", "--clock") and not rest:
            raise UsageFault(f"{word} needs a value")
        if word == "--clock":
            clock = rest.pop(0)
            continue
        word = rest.pop(0) if word == "--seed" else word
        if not re.fullmatch(r"-?\d{1,18}", word):
            raise UsageFault("%redis reset [SEED] [--clock 2026-01-01T00:00:00Z|real]")
        seed = int(word)
    session.reset(seed, None if clock in (None, "real") else _time(clock), real_clock=clock == "real")
    return [[("status", f"a fresh node: {_node_text(session.embedded_target('reset'))}")]]


def _lesson(session: Session, words: list[str]) -> list[list[Fragment]]:
    if words:
        raise UsageFault("%redis lesson takes no arguments; %redis reset SEED --clock TIME does")
    if not isinstance(session.target, EmbeddedTarget):
        return [[("note", f"no fresh node, no frozen clock: the cells run on {session.target.describe()}")]]
    return _reset(session, ["--seed", str(LESSON_SEED), "--clock", LESSON_CLOCK])


def _save(session: Session, words: list[str]) -> list[list[Fragment]]:
    if len(words) != 1:
        raise UsageFault("%redis save FILE.rdb")
    embedded = session.embedded_target("%redis save").embedded
    try:
        size_bytes = embedded.save(words[0])
    except DiskError as error:
        raise UsageFault(str(error)) from None
    keys = sum(len(database) for database in embedded.node.databases)
    return [[("status", f"saved {keys} keys to {words[0]}: {size_bytes} bytes")]]


def _open(session: Session, words: list[str]) -> list[list[Fragment]]:
    if len(words) != 1:
        raise UsageFault("%redis open FILE.rdb")
    try:
        keys = session.embedded_target("%redis open").embedded.load(words[0])
    except LoadError as error:
        raise UsageFault(str(error)) from None
    return [[("status", f"opened {words[0]}: {keys} keys")]]


def _serve(session: Session, words: list[str]) -> list[list[Fragment]]:
    target = session.embedded_target("%redis serve")
    if words == ["stop"]:
        if not target.is_served:
            raise UsageFault("nothing is served: %redis serve begins it")
        target.stop_serving()
        return [[("status", "no longer served: every connection is closed, the node and its keys stay")]]
    if words[:1] == ["--port"] and len(words) == 2 and words[1].isdecimal():
        words = words[1:]
    elif words:
        raise UsageFault("%redis serve [--port N] or %redis serve stop")
    return [[("status", target.serve(int(words[0]) if words else 0))]]


def _bench(session: Session, words: list[str]) -> list[list[Fragment]]:
    if not isinstance(session.target, EmbeddedTarget | ServerTarget):
        raise UsageFault(f"{session.target.describe()} is on virtual time: there is nothing to measure")
    try:
        return [[("status", bench(words, session.target))]]
    except PlanError as error:
        raise UsageFault(str(error)) from None


def _audit(session: Session, words: list[str]) -> list[list[Fragment]]:
    if len(words) > 1:
        raise UsageFault("%redis audit [FILE], a file that redis-cli monitor wrote")
    from minidis.notebook.auditing import audit_blocks  # a large room, for those who ask

    return audit_blocks(session.target, words[0] if words else None)


def _status(session: Session, words: list[str]) -> list[list[Fragment]]:
    if words:
        raise UsageFault("%redis status takes no arguments")
    target = session.target
    about = f": {_node_text(target)}" if isinstance(target, EmbeddedTarget) else ""
    lines = [f"target   {target.describe()}{about}"]
    if isinstance(target, EmbeddedTarget) and target.is_served:
        lines.append(f"served   {target.served_at}")
    for (place, name), connection in session.connections.items():
        state = [f"database {connection.database}", f"RESP{connection.protocol}"]
        state += ["in MULTI"] if connection.in_transaction else []
        state += [f"waits for {connection.wait_description()}"] if connection.is_waiting else []
        on = "" if place == target.name else f" on {place}"
        lines.append(f"client   {name}{on}: {', '.join(state)}")
    return [[("status", "\n".join(lines))]]


def _help(session: Session, words: list[str]) -> list[list[Fragment]]:
    return [[("string", help_text([word.encode() for word in words]))]]


def _node_text(target: EmbeddedTarget) -> str:
    node = target.embedded.node
    keys = sum(len(database) for database in node.databases)
    seed = "random seed" if target.seed is None else f"seed {target.seed}"
    clock = f"clock frozen at {time_text(node.clock())}" if target.embedded.is_frozen else "clock running"
    return f"{keys} {'key' if keys == 1 else 'keys'}, {seed}, {clock}"


SUBCOMMANDS = {
    "connect": _connect,
    "reset": _reset,
    "lesson": _lesson,
    "status": _status,
    "help": _help,
    "save": _save,
    "open": _open,
    "serve": _serve,
    "bench": _bench,
    "audit": _audit,
}


def _value_is_used() -> bool:
    """Is the running line magic part of an assignment or expression, not a line of its own?

    IPython turns `%redis GET k` into a call of run_line_magic; the line of source that holds the call tells.
    """
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "run_line_magic":
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None or frame.f_back is None:
        return True
    caller = frame.f_back
    return not linecache.getline(caller.f_code.co_filename, caller.f_lineno).strip().startswith(_CALL)


# -- loading ---------------------------------------------------------------------------------------


def allow_empty_cell(lines: list[str]) -> list[str]:
    """IPython refuses a cell magic without a body; a `%%redis` cell may well be empty."""
    if lines and lines[0].startswith("%%redis") and not "".join(lines[1:]):
        return [lines[0].rstrip("\n") + "\n", "\n"]
    return lines


def interrupts_wait(info: Any) -> None:
    """A kernel puts Python's own handler in place before each cell."""
    interrupts.postpone()


def load(shell: Any) -> None:
    """`%load_ext minidis`."""
    if getattr(shell, "minidis_magics", None) is not None:
        return
    browser.prepare()
    magics = RedisMagics(shell, Session(default_node()))
    shell.register_magics(magics)
    follow_cells(magics.session.target)
    observers.listen(refresh_all)
    shell.minidis_magics = magics
    shell.minidis_matcher = make_matcher(magics.live_keys, shell.user_ns)
    shell.Completer.custom_matchers.append(shell.minidis_matcher)
    shell.input_transformers_cleanup.append(allow_empty_cell)
    shell.events.register("pre_run_cell", interrupts_wait)
    shell.events.register("post_run_cell", magics.after_cell)
    unwritten.install(shell)


def unload(shell: Any) -> None:
    """`%unload_ext minidis`."""
    magics = getattr(shell, "minidis_magics", None)
    if magics is None:
        return
    unwritten.uninstall(shell)
    magics.session.stop_serving()
    follow_cells(None)
    shell.events.unregister("pre_run_cell", interrupts_wait)
    interrupts.stop_postponing()
    shell.events.unregister("post_run_cell", magics.after_cell)
    shell.input_transformers_cleanup.remove(allow_empty_cell)
    shell.Completer.custom_matchers.remove(shell.minidis_matcher)
    for kind, name in (("line", "redis"), ("cell", "redis"), ("line", "clock")):
        shell.magics_manager.magics[kind].pop(name, None)
    shell.minidis_magics = None
