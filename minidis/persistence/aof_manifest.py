r"""The manifest: which files together are the append-only log, and in which order they are read.

    appendonlydir/
        appendonly.aof.2.base.rdb      the dataset when the log was rewritten: a snapshot (or commands: .aof)
        appendonly.aof.3.incr.aof      what happened since then
        appendonly.aof.1.base.rdb      history: no longer needed, about to be removed
        appendonly.aof.manifest        says so:

            file appendonly.aof.2.base.rdb seq 2 type b
            file appendonly.aof.1.base.rdb seq 1 type h
            file appendonly.aof.3.incr.aof seq 3 type i

A rewrite is a change of this small file: new files are written beside the old ones, and a rename of the
manifest makes them the log, all at once. Until then they are nothing, and afterwards the old ones are.

Mirrors: the first part of aof.c (`aofLoadManifestFromFile`, `getAofManifestAsString`).
Complexity: O(files).

>>> manifest = Manifest("appendonly.aof")
>>> manifest.new_base(preamble=True), manifest.new_increment()
('appendonly.aof.1.base.rdb', 'appendonly.aof.1.incr.aof')
>>> print(manifest.format().decode(), end="")
file appendonly.aof.1.base.rdb seq 1 type b
file appendonly.aof.1.incr.aof seq 1 type i
>>> parse_manifest(b"file a seq 1 type i\nfile b seq 1 type i\n", "a")
Traceback (most recent call last):
...
minidis.persistence.aof_manifest.ManifestError: Found a non-monotonic sequence number (line 2: file b ...)

Read next: minidis/engine/durability/append_only_file.py.
"""

from __future__ import annotations

from minidis.protocol.quoting import quote, split_arguments
from minidis.structures.record import field, record, replace

LONGEST_LINE = 1024
BASE, HISTORY, INCREMENT = "b", "h", "i"


class ManifestError(ValueError):
    """A manifest that cannot be read: why, and in which line."""

    def __init__(self, reason: str, line_number: int = 0, line: bytes = b"") -> None:
        self.reason = reason
        self.line_number = line_number
        self.line = line
        shown = line.decode("utf-8", "backslashreplace").strip()
        super().__init__(f"{reason} (line {line_number}: {shown})" if line_number else reason)


@record(frozen=True)
class AofFile:
    """One file of the log: its name, its number among its kind, its kind."""

    name: str
    sequence: int
    kind: str


@record
class Manifest:
    """The files of the log named `name`; made anew for each change, and written whole."""

    name: str
    base: AofFile | None = None
    history: list[AofFile] = field(default_factory=list)
    increments: list[AofFile] = field(default_factory=list)
    last_base: int = 0
    last_increment: int = 0

    @property
    def file_name(self) -> str:
        return f"{self.name}.manifest"

    @property
    def files(self) -> list[AofFile]:
        """What is read, in order: the base, then the increments."""
        return [*([self.base] if self.base else []), *self.increments]

    def copy(self) -> Manifest:
        """One to change while this one still holds."""
        return replace(self, history=list(self.history), increments=list(self.increments))

    def new_base(self, preamble: bool) -> str:
        """Put a new base in the place of the present one, which becomes history; its name."""
        if self.base is not None:
            self.history.insert(0, replace(self.base, kind=HISTORY))
        self.last_base += 1
        suffix = "rdb" if preamble else "aof"
        self.base = AofFile(f"{self.name}.{self.last_base}.base.{suffix}", self.last_base, BASE)
        return self.base.name

    def new_increment(self) -> str:
        """Add an increment at the end; its name."""
        self.last_increment += 1
        name = f"{self.name}.{self.last_increment}.incr.aof"
        self.increments.append(AofFile(name, self.last_increment, INCREMENT))
        return name

    def retire_increments(self, keep_last: bool = True) -> None:
        """What the increments say is part of the new base: they become history, but for the last one."""
        kept = self.increments[-1:] if keep_last else []
        for increment in self.increments[: len(self.increments) - len(kept)]:
            self.history.insert(0, replace(increment, kind=HISTORY))
        self.increments = kept

    def format(self) -> bytes:
        """The manifest's bytes."""
        files = [*([self.base] if self.base else []), *self.history, *self.increments]
        return b"".join(_format_line(file) for file in files)


def _format_line(file: AofFile) -> bytes:
    name = file.name.encode("utf-8", "surrogateescape")
    if any(byte <= 0x20 or byte >= 0x7F or byte in b"\"'\\" for byte in name):
        name = quote(name)
    return b"file %b seq %d type %b\n" % (name, file.sequence, file.kind.encode())


def parse_manifest(data: bytes, name: str) -> Manifest:
    """The manifest of the log `name`.  Raises ManifestError, in the words of Redis."""
    manifest = Manifest(name)
    if not data:
        raise ManifestError("Found an empty AOF manifest")
    lines = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        is_last = number == len(lines)
        if (is_last and not line) or line.startswith(b"#"):
            continue
        try:
            if len(line) >= LONGEST_LINE or is_last:
                raise ManifestError("The AOF manifest file contains too long line")
            _take(manifest, _parse_line(line))
        except ManifestError as error:
            raise ManifestError(error.reason, number, line) from None
    return manifest


def _parse_line(line: bytes) -> AofFile:
    words = split_arguments(line.strip(b" \t\r\n"))
    if words is None or len(words) < 6 or len(words) % 2:
        raise ManifestError("Invalid AOF manifest file format")
    values = {words[at].lower(): words[at + 1] for at in range(0, len(words), 2)}
    name = values.get(b"file", b"").decode("utf-8", "surrogateescape")
    if "/" in name or "\\" in name:
        raise ManifestError("File can't be a path, just a filename")
    digits = values.get(b"seq", b"")
    sequence = int(digits) if digits.isdigit() else 0
    kind = values.get(b"type", b"")[:1].decode("latin-1")
    if not name or not sequence or not kind:
        raise ManifestError("Invalid AOF manifest file format")
    return AofFile(name, sequence, kind)


def _take(manifest: Manifest, file: AofFile) -> None:
    if file.kind == BASE:
        if manifest.base is not None:
            raise ManifestError("Found duplicate base file information")
        manifest.base = file
        manifest.last_base = file.sequence
    elif file.kind == HISTORY:
        manifest.history.append(file)
    elif file.kind == INCREMENT:
        if file.sequence <= manifest.last_increment:
            raise ManifestError("Found a non-monotonic sequence number")
        manifest.increments.append(file)
        manifest.last_increment = file.sequence
    else:
        raise ManifestError("Unknown AOF file type")
