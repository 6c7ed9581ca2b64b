"""Query parameters of prompts: versions, and a list's shorter pages."""

from __future__ import annotations

from trunkline.api.langfuse.params import MAX_LIMIT, Params

DEFAULT_PROMPTS = 10
"""Prompts on a page where no limit is given, as upstream has it."""
MAX_VERSION = 999_999_999


class PromptParams(Params):
    """The parameters of one request about prompts."""

    def version(self, name: str = "version") -> int | None:
        """A version's number; None where it is not given or is at fault."""
        given = self.text(name)
        if given is not None and not given.isascii():
            self.fault(name, "expected a whole number", "invalid_type")
            return None
        return self._bounded(name, 0, 1, MAX_VERSION) or None

    def small_limit(self) -> int:
        return self._bounded("limit", DEFAULT_PROMPTS, 1, MAX_LIMIT)

    def required(self, name: str) -> str:
        """A text that must be given; empty where it is not, which `check` then says."""
        value = self.text(name)
        if value is None:
            self.fault(name, "required")
        return value or ""
