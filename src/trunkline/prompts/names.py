"""Names of prompts and labels, and the paths at which their files lie.

A name is a path of segments. In a repository each segment is percent-encoded so that every name has exactly one path,
on every file system::

    support/triage  ->  prompts/support/triage.yaml
    v1.2/Grüße      ->  prompts/v1.2/Gr%C3%BC%C3%9Fe.yaml

Kept as they are: ``A-Z a-z 0-9 _ -``, spaces and dots inside a segment. Everything else is the upper-case ``%XX`` of
its UTF-8 bytes; so are a dot or space at either end of a segment, the dot of a ``.yaml`` at its end (else the folder of
the prompt ``a.yaml/b`` would be the file of the prompt ``a``), and the first letter of a name that Windows reserves.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from trunkline.errors import InvalidFile, InvalidRequest
from trunkline.types import Struct

POLICY_PATH = "trunkline.yaml"
SUFFIX = ".yaml"
MAX_NAME_LENGTH = 255
"""Characters, as upstream has it."""
MAX_SEGMENT_BYTES = 200
"""Of one encoded segment: file systems take 255 bytes, and the suffix and a lock file's ending need room."""

FOLDERS = ("prompts", "labels", "versions")

# What JavaScript's trim() removes; Python's strip() removes other characters too.
_BLANKS = "\t\n\v\f\r \xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
_LABEL = re.compile(r"[a-z0-9][a-z0-9_.-]{0,35}")
_PULL_REQUEST_LABEL = re.compile(r"pr-[0-9]+")
_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_TO_ESCAPE = re.compile(r"[^A-Za-z0-9_. -]+|\A[. ]+|[. ]+\Z|\.(?=yaml\Z)", re.IGNORECASE)
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?= *(?:\.|\Z))", re.IGNORECASE)


class PromptPath(Struct, frozen=True, kw_only=True):
    name: str


class LabelPath(Struct, frozen=True, kw_only=True):
    label: str
    name: str


class VersionsPath(Struct, frozen=True, kw_only=True):
    name: str


class PolicyPath(Struct, frozen=True, kw_only=True):
    pass


RegistryPath = PromptPath | LabelPath | VersionsPath | PolicyPath


def validate_prompt_name(name: str) -> str:
    """The name as it is stored (trimmed), or InvalidRequest with the reason."""
    name = name.strip(_BLANKS)
    problem = _problem_of_name(name)
    if problem:
        raise InvalidRequest(f"Invalid prompt name {_shown(name)}: {problem}")
    return name


def validate_label(label: str) -> str:
    """The label if the grammar allows it; `latest` does, and so does `pr-<number>`."""
    if not _LABEL.fullmatch(label):
        raise InvalidRequest(
            f"Invalid label {_shown(label)}: a label has 1 to 36 of a-z, 0-9, '_', '-', '.'"
            " and starts with a letter or digit."
        )
    return label


def validate_writable_label(label: str) -> str:
    """The label if somebody may set it: `latest` is computed and `pr-<number>` belongs to pull requests."""
    validate_label(label)
    if label == "latest":
        raise InvalidRequest("The label 'latest' is computed: it is always on the highest version. Choose another.")
    if _PULL_REQUEST_LABEL.fullmatch(label):
        raise InvalidRequest(f"The label '{label}' is reserved for the pull request of that number. Choose another.")
    return label


def prompt_path(name: str) -> str:
    """Where the prompt's file lies. The name must be valid."""
    return f"prompts/{encode_name(name)}{SUFFIX}"


def label_path(label: str, name: str) -> str:
    return f"labels/{encode_segment(label)}/{encode_name(name)}{SUFFIX}"


def versions_path(name: str) -> str:
    return f"versions/{encode_name(name)}{SUFFIX}"


def parse_path(path: str) -> RegistryPath:
    """What a file is about. InvalidFile for a stray or not canonically named one."""
    if path == POLICY_PATH:
        return PolicyPath()
    folder, _, rest = path.partition("/")
    if folder not in FOLDERS or not rest:
        raise InvalidFile(f"A stray file: a registry has {POLICY_PATH} and {', '.join(FOLDERS)}/.", path=path)
    label = ""
    if folder == "labels":
        encoded, _, rest = rest.partition("/")
        label = _label_of(encoded, path)
    if not rest.endswith(SUFFIX):
        raise InvalidFile(f"A stray file: under {folder}/ every file ends in {SUFFIX}.", path=path)
    name = _name_of(rest.removesuffix(SUFFIX), path)
    if folder == "prompts":
        return PromptPath(name=name)
    return LabelPath(label=label, name=name) if label else VersionsPath(name=name)


def in_registry(path: str) -> bool:
    """Whether a path is the registry's business at all. A repository may hold a README or CI files beside it."""
    return path == POLICY_PATH or path.partition("/")[0] in FOLDERS


def collision_key(name: str) -> str:
    """Equal for names that differ only by case or by Unicode form: they would be one file on some file systems.

    Unicode's canonical caseless matching (section 3.13, D145).
    """
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def encode_name(name: str) -> str:
    if _PLAIN_SEGMENT.fullmatch(name):
        return encode_segment(name)
    return "/".join(map(encode_segment, name.split("/")))


@lru_cache(maxsize=65_536)
def encode_segment(segment: str) -> str:
    """The canonical file name of a segment, without suffix."""
    encoded = segment if _PLAIN_SEGMENT.fullmatch(segment) else _TO_ESCAPE.sub(_escape, segment)
    if _RESERVED.match(encoded):
        return f"%{ord(encoded[0]):02X}{encoded[1:]}"
    return encoded


def _escape(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())


def _problem_of_name(name: str) -> str:
    if not name:
        return "it is empty. Give at least one character."
    if len(name) > MAX_NAME_LENGTH:
        return f"it has {len(name)} characters, at most {MAX_NAME_LENGTH} are possible."
    if "|" in name:
        return "it holds a '|', which separates the parts of a reference. Leave it out."
    if "\0" in name:
        return "it holds a NUL character. Leave it out."
    if name[0] == "/" or name[-1] == "/" or "//" in name:
        return "a '/' separates folders: none at the start or the end, and no two in a row."
    if not name.isascii() and any("\ud800" <= character <= "\udfff" for character in name):
        return "it holds half of a surrogate pair, which is no Unicode text. Send well-formed text."
    longest = max(map(len, encode_name(name).split("/")))
    if longest > MAX_SEGMENT_BYTES:
        return (
            f"a part of it takes {longest} bytes as a file name (outside A-Z, a-z, 0-9, '_', '-' a byte takes three),"
            f" at most {MAX_SEGMENT_BYTES} are possible. Shorten it, or divide it with '/'."
        )
    return ""


def _label_of(encoded: str, path: str) -> str:
    label = _decode(encoded)
    if label is None or encode_segment(label) != encoded or not _LABEL.fullmatch(label):
        raise InvalidFile(f"'{encoded}' is no label: it has 1 to 36 of a-z, 0-9, '_', '-', '.'.", path=path)
    if label == "latest" or _PULL_REQUEST_LABEL.fullmatch(label):
        raise InvalidFile(f"The label '{label}' is reserved and never has a file. Remove it.", path=path)
    return label


def _name_of(encoded: str, path: str) -> str:
    name = _decode(encoded)
    if name is None:
        raise InvalidFile("The file's name is no percent-encoded UTF-8 of a prompt's name. Rename it.", path=path)
    problem = _problem_of_name(name)
    if not problem and name.strip(_BLANKS) != name:
        problem = "it starts or ends with blanks."
    if problem:
        raise InvalidFile(f"The file's name gives no valid prompt name: {problem}", path=path)
    canonical = encode_name(name)
    if canonical != encoded:
        raise InvalidFile(f"The prompt {_shown(name)} must lie in {canonical}{SUFFIX}. Rename the file.", path=path)
    return name


def _decode(encoded: str) -> str | None:
    if "%" not in encoded:
        return encoded
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeError:
        return None


def _shown(name: str) -> str:
    """A name in a message: never long, never with characters that break a line or a log."""
    return repr(name if len(name) <= 80 else f"{name[:77]}...")
