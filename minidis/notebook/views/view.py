"""A view: one picture of a node's own data, in three forms at once.

    live     a widget that follows the node as %%redis cells run, with buttons, notes and animations
    still    the same SVG as an image, which survives in an untrusted notebook and on a code host's page
    text     the same facts in words, for a terminal, a screen reader and nbval

A view is made of four steps, and a subclass supplies them:

    snapshot()      plain data (numbers, strings, lists, dicts), taken from the engine's structures
    draw(data)      a Canvas
    text(data)      a string
    controls(data)  buttons and sliders; each calls `on_NAME(value)`, as `view.do(name, value)` does

Nothing moves by itself: a view without a browser is finite, and draws when it is shown. Only while a
browser has it on the screen does it listen to the node; then it draws once per turn of the event loop,
however many commands ran, and `refresh_all()` (after each cell) also catches what no event tells, such as
a rehash step taken by a read.

Read next: listpacks.py, a view of bytes; view.js for the other half.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from minidis.drivers import interrupts
from minidis.drivers.embedded import Embedded
from minidis.notebook.views.drawing import LIVE_STYLE, Canvas, as_image
from minidis.notebook.views.mirrors import Mirror

_HERE = Path(__file__).parent
_watched: dict[int, View] = {}  # the views that a browser shows now; the key is their id()


def refresh_all() -> None:
    """Draw every view that is on a screen again, if its data changed."""
    for view in tuple(_watched.values()):
        view.refresh()


class View:
    """Base of the views. `node` is the node looked at (None for a structure that belongs to no node)."""

    polls: ClassVar[bool] = False
    """Whether the picture changes with time alone."""
    told: ClassVar[str] = "copy"
    """How a server tells what is drawn: a name in mirrors.TOLD. A snapshot with a "kind" says it better."""
    shows_keys: ClassVar[bool] = True
    """Whether a server's keys must be fetched for the picture."""

    def __init__(self, node: Embedded | None = None) -> None:
        self.node: Any = node
        self.message = ""
        self._data: Any = None
        self._widget: Any = None
        self._screens = 0
        self._stop_listening: Callable[[], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draw_is_due = False

    # -- what a subclass supplies

    def snapshot(self) -> Any:
        """Plain data for everything below. Called with the node locked; must leave no trace in it."""
        raise NotImplementedError

    def draw(self, data: Any) -> Canvas:
        """The picture of a snapshot."""
        raise NotImplementedError

    def text(self, data: Any) -> str:
        """The same in words: whoever reads only this learns the same facts."""
        raise NotImplementedError

    def controls(self, data: Any) -> list[dict[str, Any]]:
        """The widget's buttons, sliders, toggles: see `button` and its neighbours."""
        return []

    def captions(self, data: Any) -> list[str]:
        """A sentence for each step of an animation; the shapes carry `step` 1, 2, ..."""
        return []

    def do(self, name: str, value: Any = None) -> View:
        """What a control or a click does, from Python; answers the view, to show it.

        >>> class Lamp(View):
        ...     def on_switch(self, value):
        ...         self.lit = value
        >>> Lamp().do("switch", True).lit
        True
        """
        handler = getattr(self, f"on_{name}", None)
        if handler is None:
            raise ValueError(f"{type(self).__name__} has no action {name!r}")
        if self.node is None:
            handler(value)
        else:
            with self.node.lock:
                handler(value)
        return self

    def looked_at(self) -> tuple[list[bytes] | None, int]:
        """Of a server: the keys that the picture needs (None: all), and their database."""
        return None if self.shows_keys else [], 0

    def origin(self, data: Any) -> list[str]:
        """Of a server: where the picture comes from, and what in it is not the server's; else nothing."""
        if not isinstance(self.node, Mirror):
            return []
        known = data if isinstance(data, dict) else {}
        kind = known.get("kind", self.told)
        return [*self.node.origin(self.looked_at()[0], kind), *known.get("untold", ())]

    # -- the three forms

    def take(self) -> Any:
        """A snapshot, taken while no other thread changes the node."""
        if self.node is None:
            return self.snapshot()
        with self.node.lock:
            if isinstance(self.node, Mirror):
                self.node.look_at(*self.looked_at())
            return self.snapshot()

    def signed_picture(self, data: Any) -> Canvas:
        """What is shown of a snapshot: the drawing, and below it where it comes from."""
        canvas = self.draw(data)
        for line in self.origin(data):
            canvas.text(16, canvas.bottom + 16, line, "t-dim", 10.5)
        return canvas

    def signed_text(self, data: Any) -> str:
        """The same, as text."""
        return "\n".join([self.text(data), *self.origin(data)])

    def svg(self) -> str:
        """The picture as it is now."""
        return self.signed_picture(self.take()).svg()

    def __str__(self) -> str:
        return self.signed_text(self.take())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        data = self.take()
        canvas, text = self.signed_picture(data), self.signed_text(data)
        bundle: dict[str, Any] = {"text/plain": text, "text/html": as_image(canvas.svg(), canvas.title)}
        self.refresh()
        if self.widget is not None:
            bundle["application/vnd.jupyter.widget-view+json"] = {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.widget.model_id,
            }
        return bundle

    # -- the widget

    @property
    def widget(self) -> Any:
        """The anywidget that shows this view, to put into an HBox; None where anywidget is missing."""
        if self._widget is None:
            widget_class = _widget_class()
            if widget_class is None:
                return None
            self._widget = widget_class()
            self._widget.on_msg(lambda _widget, message, _buffers: self._receive(message))
            self._data = None
            self.refresh()
        return self._widget

    def refresh(self) -> None:
        """Bring the widget up to date. Without a widget there is nothing to do."""
        self._draw_is_due = False
        if self._widget is None:
            return
        try:
            data = self.take()
            changed = data != self._data
            svg = self.signed_picture(data).svg() if changed else ""
        except Exception as error:  # say, a key that now holds another type; called from the event loop
            self._widget.message = f"{type(error).__name__}: {error}"
            return
        with self._widget.hold_sync():
            self._widget.message = self.message
            if changed:
                self._data = data
                self._widget.svg = svg
                self._widget.captions = self.captions(data)
                self._widget.controls = self.controls(data)
            self._widget.polling = self.polls and self.node is not None and not self.node.is_frozen

    def close(self) -> None:
        """Stop following and take the widget away. The view can still be drawn."""
        self._screens = 0
        self._unfollow()
        if self._widget is not None:
            self._widget.close()
            self._widget = None

    def _receive(self, message: Any) -> None:
        """A message of the browser: {"id": ..., "value": ...}. Unknown ones are left alone."""
        interrupts.postpone()
        name, value = (message.get("id"), message.get("value")) if isinstance(message, dict) else (None, None)
        if name == "open":
            self._screens += 1
            self._follow()
        elif name == "close":
            self._screens = max(0, self._screens - 1)
            if not self._screens:
                self._unfollow()
            return
        elif name != "poll" and isinstance(name, str):
            self.message = ""
            try:
                self.do(name, value)
            except Exception as error:  # in a widget's callback nobody would see it
                self.message = f"{type(error).__name__}: {error}"
            refresh_all()  # other views may show the same data
            if id(self) in _watched:
                return  # it was among them
        self.refresh()

    # -- following the node

    def _follow(self) -> None:
        _watched[id(self)] = self
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:  # no event loop, so nothing to come back to: refresh_all() will do
            self._loop = None
        if self.node is not None and self._stop_listening is None:
            self._stop_listening = self.node.node.listen_to_keys(self._key_changed)

    def _unfollow(self) -> None:
        _watched.pop(id(self), None)
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None

    def _key_changed(self, database: Any, key: bytes, event: str) -> None:
        if not self._draw_is_due and self._loop is not None and not self._loop.is_closed():
            self._draw_is_due = True
            self._loop.call_soon_threadsafe(self.refresh)


# -- descriptions of controls, as view.js reads them


def button(name: str, label: str, title: str = "", disabled: bool = False) -> dict[str, Any]:
    """A button; a press calls the view's `on_NAME(None)`."""
    return {"type": "button", "id": name, "label": label, "title": title, "disabled": disabled}


def slider(
    name: str,
    label: str,
    value: float,
    minimum: float,
    maximum: float,
    step: float,
    unit: str = "",
    title: str = "",
) -> dict[str, Any]:
    """A slider; letting it go calls `on_NAME(number)`."""
    spec = {"type": "slider", "id": name, "label": label, "value": value, "title": title, "unit": unit}
    return spec | {"min": minimum, "max": maximum, "step": step}


def toggle(name: str, label: str, value: bool, title: str = "") -> dict[str, Any]:
    """A checkbox; a change calls `on_NAME(bool)`."""
    return {"type": "toggle", "id": name, "label": label, "value": value, "title": title}


def text_field(name: str, label: str, value: str, title: str = "") -> dict[str, Any]:
    """A line of text; Enter calls `on_NAME(text)`."""
    return {"type": "text", "id": name, "label": label, "value": value, "title": title}


_made_class: Any = None


def _widget_class() -> Any:
    """The one anywidget class of all views, made when it is first needed; None without anywidget."""
    global _made_class
    if _made_class is None:
        try:
            import anywidget
            import traitlets
        except ImportError:
            return None

        class ViewWidget(anywidget.AnyWidget):
            _esm = (_HERE / "view.js").read_text(encoding="utf-8")
            _css = (_HERE / "view.css").read_text(encoding="utf-8") + LIVE_STYLE
            svg = traitlets.Unicode().tag(sync=True)
            message = traitlets.Unicode().tag(sync=True)
            controls: Any = traitlets.List().tag(sync=True)
            captions: Any = traitlets.List().tag(sync=True)
            polling = traitlets.Bool().tag(sync=True)

            def __repr__(self) -> str:  # without an address, which differs from run to run
                return "<ViewWidget>"

        _made_class = ViewWidget
    return _made_class
