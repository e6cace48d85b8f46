"""minidis inside Jupyter: the magics, what they print, completion, help and colours.

Read: language.py, rendering.py, session.py, magics.py, completion.py.  The syntax for a reader is in README.md.
"""
