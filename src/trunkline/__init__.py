"""Trunkline: a prompt registry whose database is Git."""

__version__ = "0.1.0"
