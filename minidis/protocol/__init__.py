"""Bytes on the wire and text in a cell, to Python values and back.

Read: numbers.py, quoting.py, glob.py, replies.py, resp.py.
"""
