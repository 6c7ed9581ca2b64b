"""Sends traces one by one, faster than the project's limit, with SDK 2.60. Prints their ids."""

import json
import sys

from langfuse import Langfuse

langfuse = Langfuse(flush_at=1, max_retries=12, threads=1)
ids = [langfuse.trace(id=f"limited-{number}", name="limited").id for number in range(int(sys.argv[1]))]
langfuse.flush()
langfuse.shutdown()
print(json.dumps(ids))
