"""Lua scripts and functions.  Importing this package files their commands in the registry.

Read next: eval.py, then engine.py and sandbox.py.
"""

import minidis.commands  # noqa: F401  (the other commands first)
from minidis.scripting import eval, functions, information  # noqa: F401
