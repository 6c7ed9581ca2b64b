"""Media in dataset items by SDK 4 and 5: made with bytes, read with `LangfuseMediaReference`s."""

import base64
import hashlib
import json
import sys

from langfuse import get_client
from langfuse.media import LangfuseMedia

SIZES = ((b"picture", 70_000), (b"sound", 700_000), (b"paper", 2_000))
PICTURE, SOUND, PAPER = (hashlib.shake_256(name).digest(size) for name, size in SIZES)

client = get_client()
name = f"pictures of {sys.version_info[0]}/{client.__class__.__name__}"
client.create_dataset(name=name)
item = client.create_dataset_item(
    dataset_name=name,
    input={"image": LangfuseMedia(base64_data_uri="data:image/png;base64," + base64.b64encode(PICTURE).decode())},
    expected_output=[LangfuseMedia(content_bytes=SOUND, content_type="audio/wav")],
    metadata={"deep": {"paper": LangfuseMedia(content_bytes=PAPER, content_type="application/pdf")}},
)
read = next(each for each in client.get_dataset(name).items if each.id == item.id)
json.dump(
    {
        "input": read.input["image"].fetch_data_uri(),
        "expected_output": read.expected_output[0].fetch_data_uri(),
        "metadata": read.metadata["deep"]["paper"].fetch_data_uri(),
        "stored": [item.input, item.expected_output, item.metadata],
    },
    sys.stdout,
)
