"""Runs scenarios in one interpreter: `scenarios.py traces_otel prompts …`, modules beside this file with a `run()`.

Prints one JSON object: for each scenario what its `run()` returned, or the "traceback".
"""

import importlib
import json
import logging
import sys
import traceback
from datetime import datetime

logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
printed, sys.stdout = sys.stdout, sys.stderr  # SDKs and libraries print too


def plain(value):
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    if hasattr(value, "dict"):
        return json.loads(value.json())
    return repr(value)


def attempt(name):
    try:
        return importlib.import_module(name).run()
    except Exception:
        return {"traceback": traceback.format_exc()}


json.dump({name: attempt(name) for name in sys.argv[1:]}, printed, default=plain)
