"""Who may change what. `commit` asks from the first day on, even while nothing is protected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from trunkline.registry.trees import PathChange, View
from trunkline.types import Actor


class Policy(Protocol):
    """The rules of one registry. The policy of the base judges, so that a change cannot allow itself."""

    def judge(self, actor: Actor, before: View, after: View, changes: Sequence[PathChange]) -> None:
        """Raises Forbidden, with the command that does it properly, where the actor may not make these changes."""


class AllowAll:
    """A registry in which no label is protected."""

    def judge(self, actor: Actor, before: View, after: View, changes: Sequence[PathChange]) -> None:
        """Nothing is refused."""
