"""minidis inside Jupyter: the magics, what they print, completion, help and colours.

Read: language.py, rendering.py, targets.py, session.py, magics.py.  The syntax, for its users: README.md.
"""
