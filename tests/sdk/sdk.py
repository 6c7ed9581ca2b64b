"""Which SDK this environment has, and what its releases name differently."""

import os
import time
from importlib.metadata import version

MAJOR = int(version("langfuse").split(".")[0])
NAME = f"py{MAJOR}"


def eventually(read, seconds=20):
    """What `read()` gives as soon as it gives something: writes may be read a moment after they were flushed."""
    deadline = time.monotonic() + seconds
    while not (found := read()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def keys_of(client):
    """A key pair of its own, as arguments of a client: a client is one for each public key."""
    return {"public_key": os.environ[f"{client}_PUBLIC_KEY"], "secret_key": os.environ[f"{client}_SECRET_KEY"]}
