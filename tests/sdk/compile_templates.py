"""Compiles prompts with the SDK of this environment: JSON lines in, JSON lines out."""

import json
import logging
import sys

from langfuse.model import ChatPromptClient, TextPromptClient

try:
    from langfuse.api import Prompt_Chat, Prompt_Text
except ImportError:
    from langfuse.api.resources.prompts import Prompt_Chat, Prompt_Text

logging.disable()

for line in sys.stdin:
    case = json.loads(line)
    fields = dict(name="x", version=1, prompt=case["prompt"], config={}, labels=[], tags=[])
    if case["type"] == "text":
        client = TextPromptClient(Prompt_Text(type="text", **fields))
    else:
        client = ChatPromptClient(Prompt_Chat(type="chat", **fields))
    try:
        result = {"compiled": client.compile(**case["variables"]), "variables": list(client.variables)}
    except Exception as error:
        result = {"error": repr(error)}
    print(json.dumps(result))
