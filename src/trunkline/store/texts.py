"""Inputs, outputs, metadata and model parameters of one row, compressed together.

A packed text is a msgpack array of up to four JSON documents, compressed with zstd and a trained dictionary. The zstd
frame names its dictionary by number, and a store keeps each dictionary that it used beside the texts, so that a later
release may ship a better one. ``tests/benchmarks/train_texts.py`` makes the shipped dictionary: with it 2.4 KB of chat
take 10 % fewer bytes and two thirds of the time, small texts half the bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources

import msgspec
import zstandard

from trunkline.types import JSONBytes, Struct

LEVEL = 3
LARGEST = 1 << 31
"""Bytes that a text may have after decompression; what was written is smaller by far."""

SHIPPED = 1
"""Number of the dictionary that new texts are compressed with."""


class Texts(Struct, frozen=True, kw_only=True, array_like=True):
    """The free texts of a trace or an observation, each a JSON document or None."""

    input: JSONBytes | None = None
    output: JSONBytes | None = None
    metadata: JSONBytes | None = None
    parameters: JSONBytes | None = None


NO_TEXTS = Texts()

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[bytes | None, bytes | None, bytes | None, bytes | None]).decode


def shipped_dictionary() -> bytes:
    return resources.files("trunkline.store").joinpath(f"texts-{SHIPPED}.zdict").read_bytes()


class TextWriter:
    """Packs texts. Not for use by several threads at once."""

    def __init__(self, dictionary: bytes) -> None:
        trained = zstandard.ZstdCompressionDict(dictionary)
        trained.precompute_compress(level=LEVEL)
        self._compress = zstandard.ZstdCompressor(level=LEVEL, dict_data=trained).compress

    def pack(
        self,
        input: JSONBytes | None,
        output: JSONBytes | None,
        metadata: JSONBytes | None,
        parameters: JSONBytes | None = None,
    ) -> bytes | None:
        """None where there is no text at all."""
        if not (input or output or metadata or parameters):
            return None
        return self._compress(_pack((input, output, metadata, parameters)))


class TextReader:
    """Unpacks texts; asks `find` for a dictionary it has not seen. Not for use by several threads at once."""

    def __init__(self, find: Callable[[int], bytes]) -> None:
        self._find = find
        self._known: dict[int, zstandard.ZstdDecompressor] = {}

    def unpack(self, packed: bytes | None) -> Texts:
        if packed is None:
            return NO_TEXTS
        number = zstandard.get_frame_parameters(packed).dict_id
        reader = self._known.get(number)
        if reader is None:
            reader = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(self._find(number)))
            self._known[number] = reader
        found = _unpack(reader.decompress(packed, max_output_size=LARGEST))
        return Texts(input=found[0], output=found[1], metadata=found[2], parameters=found[3])
