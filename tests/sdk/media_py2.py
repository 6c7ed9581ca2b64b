"""Media by SDK 2: data URIs and LangfuseMedia in input, output and metadata, and read back."""

import base64
import hashlib
import json
import sys

from langfuse import Langfuse
from langfuse.media import LangfuseMedia

SIZES = ((b"picture", 70_000), (b"sound", 700_000), (b"paper", 2_000))
PICTURE, SOUND, PAPER = (hashlib.shake_256(name).digest(size) for name, size in SIZES)
URI = "data:image/png;base64," + base64.b64encode(PICTURE).decode()

client = Langfuse()
trace = client.trace(
    name="see",
    input={"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": URI}}]}]},
    output=LangfuseMedia(content_bytes=SOUND, content_type="audio/wav"),
    metadata={"paper": LangfuseMedia(content_bytes=PAPER, content_type="application/pdf")},
)
encoded = base64.b64encode(PICTURE).decode()
generation = trace.generation(
    name="draft",
    input=[
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": encoded}},
        {"type": "media", "mime_type": "audio/wav", "data": base64.b64encode(SOUND).decode()},
    ],
)
generation.end(output="a picture")
client.flush()


def resolve(value):
    return LangfuseMedia.resolve_media_references(obj=value, langfuse_client=client, resolve_with="base64_data_uri")


see = client.fetch_trace(trace.id).data
draft = client.fetch_observation(generation.id).data
json.dump(
    {
        "trace": trace.id,
        "input": resolve(see.input),
        "output": resolve(see.output),
        "paper": resolve(see.metadata["paper"]),
        "draft": resolve(draft.input),
        "stored": [see.input, see.output],
    },
    sys.stdout,
)
