"""The Redis whose behaviour this is."""

VERSION = "7.2.0"
