"""minidis inside Jupyter: the magics, what they print, completion, help and colours.

Read: language.py, rendering.py, targets.py, session.py, magics.py.  The syntax, for its users: README.md.
"""

from __future__ import annotations

from minidis.drivers.embedded import Embedded


def node(name: str = "embedded") -> Embedded:
    """The node that `%redis connect embedded NAME` made, for use from Python; without a name, the first one.

    Raises KeyError for a name that is no node of this kernel.
    """
    from IPython import get_ipython

    from minidis.notebook.targets import EmbeddedTarget

    target = get_ipython().minidis_magics.session.targets.get(name)
    if not isinstance(target, EmbeddedTarget):
        raise KeyError(f"no node is called {name}: %redis connect embedded {name} makes it")
    return target.embedded
