"""docs/api.md names every route and every error code."""

from __future__ import annotations

import re
from pathlib import Path

from trunkline import errors
from trunkline.api.errors import LANGFUSE_CODES
from trunkline.api.operations import OPERATIONS

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def test_every_route_is_documented_and_no_other() -> None:
    named = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`?]+)`", TEXT))
    assert named == {f"{method} {operation.path or path}" for (method, path), operation in OPERATIONS.items()}


def test_every_error_code_is_documented() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__module__ == errors.__name__]
    codes = {kind.code for kind in kinds if issubclass(kind, errors.TrunklineError) and kind.status != 500}
    assert {f"`{code}`" for code in codes | set(LANGFUSE_CODES.values())} <= set(re.findall(r"`\w+`", TEXT))
