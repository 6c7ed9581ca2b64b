"""Every SDK: sample rates. Each in a process of its own, as a rate is one for a process in the newer SDKs."""

import os

from langfuse import Langfuse
from sdk import MAJOR, NAME


def in_a_fork(rate, count):
    """Runs `record` in a copy of this process, in which no client lives yet."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            os.write(writing, "\n".join(record(rate, count)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        return told.read().split("\n")


def record(rate, count):
    langfuse = Langfuse(sample_rate=rate)
    ids = []
    for number in range(count):
        if MAJOR == 2:
            trace = langfuse.trace(name=f"{NAME} sampled")
            ids.append(trace.id)
            langfuse.score(trace_id=trace.id, name=f"{NAME} sampled", value=number)
        else:
            with langfuse.start_as_current_observation(name=f"{NAME} sampled", as_type="span") as root:
                ids.append(root.trace_id)
                root.score_trace(name=f"{NAME} sampled", value=number)
    langfuse.flush()
    return ids


def run():
    # A rate of 0 counts as none given in SDK 2 and 3.
    return {"none": in_a_fork(1e-12, 1)[0], "half": in_a_fork(0.5, 40)}
