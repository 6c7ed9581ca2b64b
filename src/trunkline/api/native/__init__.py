"""Trunkline's own API under ``/api/v1``: snake_case, ISO 8601 in UTC, milliseconds, US dollars.

A name never stands in a path here, it is a parameter or in the body: names hold slashes.
"""
