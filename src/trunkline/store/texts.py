"""Inputs, outputs, metadata and model parameters, many of them compressed together.

A block is a msgpack array of parts, compressed with zstd and a trained dictionary. A part is what one row refers to:
``[trace, input, output, metadata, parameters]``, the number of its trace and four JSON documents, each of which may be
nil; a part that was erased is nil. Texts that were written together repeat each other (the spans of a trace, the traces
of a service), so that a block of ten takes two thirds of the bytes and half the time of ten blocks of one.

A row refers to its part by one number, ``block << 8 | place``.

The zstd frame names its dictionary by number, and a store keeps each dictionary that it used beside the texts, so that
a later release may ship a better one. ``tests/benchmarks/train_texts.py`` makes the shipped dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import resources

import msgspec
import zstandard

from trunkline.types import JSONBytes, Struct

LEVEL = 1
LARGEST = 1 << 31
"""Bytes that a block may have after decompression; what was written is smaller by far."""

SHIPPED = 1
"""Number of the dictionary that new blocks are compressed with."""


class Texts(Struct, frozen=True, kw_only=True, array_like=True):
    """The free texts of a trace or an observation, each a JSON document or None."""

    input: JSONBytes | None = None
    output: JSONBytes | None = None
    metadata: JSONBytes | None = None
    parameters: JSONBytes | None = None


NO_TEXTS = Texts()

BLOCK_BYTES = 24_000
"""Bytes of JSON from which on a block is closed: reading one of its parts unpacks all of it (about 30 us)."""
MOST_PARTS = 256

Part = tuple[int, JSONBytes | None, JSONBytes | None, JSONBytes | None, JSONBytes | None]
"""The number of the trace, input, output, metadata, parameters."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(
    list[tuple[int, bytes | None, bytes | None, bytes | None, bytes | None] | None]
).decode


def reference(block: int, place: int) -> int:
    return block << 8 | place


def block_of(reference: int) -> int:
    return reference >> 8


def place_of(reference: int) -> int:
    return reference & 0xFF


def texts_of(part: Part) -> Texts:
    return Texts(input=part[1], output=part[2], metadata=part[3], parameters=part[4])


def shipped_dictionary() -> bytes:
    return resources.files("trunkline.store").joinpath(f"texts-{SHIPPED}.zdict").read_bytes()


class BlockWriter:
    """Packs blocks. Not for use by several threads at once."""

    def __init__(self, dictionary: bytes) -> None:
        trained = zstandard.ZstdCompressionDict(dictionary)
        trained.precompute_compress(level=LEVEL)
        self._compress = zstandard.ZstdCompressor(level=LEVEL, dict_data=trained).compress

    def pack(self, parts: Sequence[Part | None]) -> bytes:
        return self._compress(_pack(parts))


class BlockReader:
    """Unpacks blocks; asks `find` for a dictionary it has not seen. Not for use by several threads at once."""

    def __init__(self, find: Callable[[int], bytes]) -> None:
        self._find = find
        self._known: dict[int, zstandard.ZstdDecompressor] = {}

    def unpack(self, packed: bytes) -> list[Part | None]:
        number = zstandard.get_frame_parameters(packed).dict_id
        reader = self._known.get(number)
        if reader is None:
            reader = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(self._find(number)))
            self._known[number] = reader
        return _unpack(reader.decompress(packed, max_output_size=LARGEST))
