"""Media by SDK 3, 4 and 5: data URIs and LangfuseMedia in input, output and metadata, and read back."""

import base64
import hashlib
import json
import os
import sys
import urllib.request

from langfuse import Langfuse, get_client
from langfuse.media import LangfuseMedia

SIZES = ((b"picture", 70_000), (b"sound", 700_000), (b"paper", 2_000))
PICTURE, SOUND, PAPER = (hashlib.shake_256(name).digest(size) for name, size in SIZES)
URI = "data:image/png;base64," + base64.b64encode(PICTURE).decode()

client = get_client()
start = getattr(client, "start_as_current_observation", None)
with client.start_as_current_span(name="see") if start is None else start(name="see", as_type="span") as span:
    span.update(
        input={"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": URI}}]}]},
        output=LangfuseMedia(content_bytes=SOUND, content_type="audio/wav"),
        metadata={"paper": LangfuseMedia(content_bytes=PAPER, content_type="application/pdf")},
    )
    inner = (
        client.start_observation(name="draft", as_type="generation") if start else client.start_generation(name="draft")
    )
    inner.update(
        input=[
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PICTURE).decode()},
            },
            {"type": "media", "mime_type": "audio/wav", "data": base64.b64encode(SOUND).decode()},
        ],
        output="a picture",
    )
    inner.end()
    trace_id = span.trace_id
client.flush()


def read(trace_id):
    """Over plain HTTP: SDK 5 reads no traces."""
    keys = os.environ["LANGFUSE_PUBLIC_KEY"] + ":" + os.environ["LANGFUSE_SECRET_KEY"]
    request = urllib.request.Request(
        os.environ["LANGFUSE_HOST"] + "/api/public/traces/" + trace_id,
        headers={"Authorization": "Basic " + base64.b64encode(keys.encode()).decode()},
    )
    with urllib.request.urlopen(request) as answer:
        return {each["name"]: each for each in json.load(answer)["observations"]}


def resolve(value):
    resolver = getattr(client, "resolve_media_references", None)
    if resolver:
        return resolver(obj=value, resolve_with="base64_data_uri")
    return LangfuseMedia.resolve_media_references(obj=value, langfuse_client=client, resolve_with="base64_data_uri")


found = read(trace_id)
see, draft = found["see"], found["draft"]
json.dump(
    {
        "trace": trace_id,
        "input": resolve(see["input"]),
        "output": resolve(see["output"]),
        "paper": resolve(see["metadata"]["paper"]),
        "draft": resolve(draft["input"]),
        "stored": [see["input"], see["output"]],
    },
    sys.stdout,
)
