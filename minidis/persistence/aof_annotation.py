r"""An append-only file explained piece by piece, for a picture of its bytes.

    *3\r\n              array        a command of 3 words
      $3\r\n            length       a word of 3 bytes
        SET\r\n         name         SET
      $1\r\n            length       a word of 1 byte
        k\r\n           data         "k"
    #TS:1767225600\r\n  note         the commands from here on were run at unix second 1767225600 or later
    *2\r\n$3\r\nDE      cut off      a command that is not whole: loading leaves it out

The spans touch each other and cover every byte. The cutting is done by the reader that loads such files
(`AofReader`), so a picture explains what the engine reads, and where the reader stops with an error, the
rest is one span of kind ``broken`` with its words.

Mirrors: nothing in Redis. Complexity: O(bytes).

>>> for span in annotate(b"*1\r\n$4\r\nPING\r\n*1\r\n$4"):
...     print(span.start, span.end, span.kind, "-", span.explanation)
0 4 array - a command of 1 word
4 8 length - a word of 4 bytes
8 14 name - PING
14 20 cut off - a command that is not whole: loading leaves it out

Read next: aof.py, if you came from a notebook.
"""

from __future__ import annotations

from minidis.persistence.aof import AofError, AofReader, Record
from minidis.protocol.annotation import Span
from minidis.protocol.quoting import quote

SHOWN_BYTES = 40


def annotate(data: bytes) -> list[Span]:
    """Explain the bytes of a log (without a snapshot in front)."""
    reader = AofReader()
    reader.feed(data)
    spans: list[Span] = []
    fault = ""
    try:
        for record in reader.records():
            spans += explain(record)
    except AofError as error:
        fault = f"at offset {error.offset}: {error.what}"
    if fault:
        spans.append(Span(reader.position, len(data), "broken", fault, 0))
    elif reader.is_inside:
        explanation = "a command that is not whole: loading leaves it out"
        spans.append(Span(reader.position, len(data), "cut off", explanation, 0))
    return spans


def explain(record: Record) -> list[Span]:
    """The spans of one whole record."""
    if record.argv is None:
        second = record.timestamp_s
        what = f"the commands from here on were run at unix second {second} or later"
        return [Span(record.start, record.end, "note", what if second is not None else "a note", 0)]
    at = record.start
    spans = []

    def add(size: int, kind: str, explanation: str, depth: int) -> None:
        nonlocal at
        spans.append(Span(at, at + size, kind, explanation, depth))
        at += size

    add(len(b"*%d\r\n" % len(record.argv)), "array", f"a command of {_count(len(record.argv), 'word')}", 0)
    for number, word in enumerate(record.argv):
        add(len(b"$%d\r\n" % len(word)), "length", f"a word of {_count(len(word), 'byte')}", 1)
        text = quote(word[:SHOWN_BYTES]).decode() + ("..." if len(word) > SHOWN_BYTES else "")
        is_name = number == 0 and word.isalpha()
        add(len(word) + 2, "name" if is_name else "data", word.decode() if is_name else text, 2)
    return spans


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
