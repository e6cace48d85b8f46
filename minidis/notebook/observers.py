"""Who wants to know that something may have happened: the views that follow a node.

`announce()` is called after every cell, every `%redis` line and every move of the clock, so a view that
keeps itself up to date registers one function and looks at the node then.  What happens within a cell,
key by key, the node itself tells (`node.listen_to_keys`).

>>> calls = []
>>> stop = listen(lambda: calls.append("looked"))
>>> announce(); stop(); announce(); calls
['looked']
"""

from __future__ import annotations

from collections.abc import Callable

_listeners: list[Callable[[], None]] = []


def listen(listener: Callable[[], None]) -> Callable[[], None]:
    """Call `listener()` after every cell and every move of the clock. Returns the function that ends it."""
    _listeners.append(listener)

    def stop() -> None:
        if listener in _listeners:
            _listeners.remove(listener)

    return stop


def announce() -> None:
    """Tell everyone. A listener that fails must not spoil the reader's cell, so it is dropped."""
    for listener in tuple(_listeners):
        try:
            listener()
        except Exception:
            _listeners.remove(listener)
