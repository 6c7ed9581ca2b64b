"""Free JSON that clients send, kept as the bytes of one document.

What leaves this module is valid UTF-8 and valid JSON, no deeper than `MAX_DEPTH`, without lone surrogates. It is
skimmed over rather than decoded, at a third of the cost, so a number in it may be larger than a float: a reader that
decodes must be ready for that. What Python's and JavaScript's encoders write beyond JSON is mended (``NaN`` becomes
null, a lone surrogate the replacement character), since refusing it would lose the observation for a detail.
"""

from __future__ import annotations

import codecs
import json
import math
import re

import msgspec

from trunkline.errors import InvalidRequest
from trunkline.types import JSON, JSONBytes

MAX_DEPTH = 128
TOO_DEEP = f"JSON may be nested {MAX_DEPTH} levels deep at most."
_decode = msgspec.json.Decoder().decode
_skim = msgspec.json.Decoder(msgspec.Raw).decode
_encode = msgspec.json.Encoder().encode
_PIECE = 1 << 20
_MENDABLE = re.compile(rb"NaN|Infinity|\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_STARTS_JSON = frozenset('{["-0123456789tfn \t\r\n')


def strict_body(body: bytes) -> bytes:
    """A request's body as strict JSON: mended where lenient encoders wrote ``NaN`` or lone surrogates.

    Raises InvalidRequest for what is no JSON. The raw parts of a strict body are documents but for their depth.
    """
    try:
        _skim(body)
        _check_utf8(body)
        return body
    except RecursionError:
        raise InvalidRequest(TOO_DEEP) from None
    except (msgspec.MsgspecError, ValueError) as error:
        if not _MENDABLE.search(body):
            raise InvalidRequest(f"The body is not valid JSON: {error}.") from None
    return _encode(mended(body))


def _check_utf8(body: bytes) -> None:
    """Piece by piece, as text may take four times the memory of its bytes."""
    if body.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(body), _PIECE):
        decoder.decode(body[start : start + _PIECE])
    decoder.decode(b"", final=True)


def optional(raw: msgspec.Raw) -> JSONBytes | None:
    """A part of a `strict_body`; None for null and for the empty text, which say nothing.

    Raises InvalidRequest where it is too deep.
    """
    data = bytes(raw)
    if data in (b"", b"null", b'""'):
        return None
    _check_depth(data)
    return data


def optional_object(raw: msgspec.Raw) -> JSONBytes | None:
    """As `optional`, with None for empty objects and lists too. What is no object is put in one, as ``metadata``."""
    data = optional(raw)
    if data is None or data in (b"{}", b"[]"):
        return None
    return data if data[0] == ord("{") else b'{"metadata":' + data + b"}"


def from_attribute(text: str) -> JSONBytes:
    """An OTLP attribute: JSON where it parses as JSON, else a JSON string (SDKs send strings bare, objects as JSON)."""
    if text and text[0] in _STARTS_JSON:
        data = text.strip().encode()
        try:
            _skim(data)
            _check_depth(data)
            return data
        except (msgspec.MsgspecError, RecursionError, InvalidRequest):
            return _mended_or_text(data, text)
    return _encode(text)


def _mended_or_text(data: bytes, text: str) -> JSONBytes:
    if _MENDABLE.search(data):
        try:
            return _encode(mended(data))
        except InvalidRequest:
            pass
    return _encode(text)


def encoded(value: JSON) -> JSONBytes:
    """Encodes what was decoded elsewhere (``NaN`` becomes null). Raises InvalidRequest where it is too deep."""
    try:
        data = _encode(value)
    except RecursionError:
        raise InvalidRequest(TOO_DEEP) from None
    except UnicodeEncodeError:
        data = _encode(_mend(value))
    if _may_be_deep(data) and is_deeper(value, MAX_DEPTH):
        raise InvalidRequest(TOO_DEEP)
    return data


def mended(data: bytes) -> JSON:
    """Decodes what only lenient decoders accept, and takes out of it what JSON does not have.

    Raises InvalidRequest for what no decoder accepts.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        reason = TOO_DEEP if isinstance(error, RecursionError) else "This is not valid JSON."
        raise InvalidRequest(reason) from None
    if is_deeper(value, MAX_DEPTH):
        raise InvalidRequest(TOO_DEEP)
    return _mend(value)


def _check_depth(data: bytes) -> None:
    """Raises InvalidRequest where a document nests too deep."""
    if not _may_be_deep(data):
        return
    try:
        value = _decode(data)
    except msgspec.ValidationError:
        value = mended(data)
    except RecursionError:
        raise InvalidRequest(TOO_DEEP) from None
    if is_deeper(value, MAX_DEPTH):
        raise InvalidRequest(TOO_DEEP)


def _may_be_deep(data: bytes) -> bool:
    """Whether there are brackets enough. To find one after the other is quicker than counting: texts have few."""
    if len(data) <= 2 * MAX_DEPTH:
        return False
    found, find = 0, data.find
    for bracket in (b"{", b"["):
        place = find(bracket)
        while place >= 0:
            found += 1
            if found >= MAX_DEPTH:
                return True
            place = find(bracket, place + 1)
    return False


def is_deeper(value: JSON, levels: int) -> bool:
    """Whether lists and objects are nested more than `levels` deep."""
    if isinstance(value, dict):
        return levels == 0 or any(is_deeper(inner, levels - 1) for inner in value.values())
    if isinstance(value, list):
        return levels == 0 or any(is_deeper(inner, levels - 1) for inner in value)
    return False


def _mend(value: JSON) -> JSON:
    if isinstance(value, str):
        return _SURROGATE.sub("�", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_mend(key): _mend(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mend(inner) for inner in value]
    return value
