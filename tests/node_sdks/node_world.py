"""What each JavaScript SDK told of its scenarios against one server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from python_sdks.sdk_world import FIRST, World
from sdk_environment import run_node

SCENARIOS: Mapping[str, tuple[str, ...]] = {
    "js3": ("traces", "datasets", "media", "prompts"),
    "js5": ("traces", "vercel", "datasets", "media", "reads", "prompts"),
}
"""The modules of ``tests/sdk/<sdk>`` in the order of one process."""


@dataclass
class NodeWorld:
    world: World
    _told: dict[str, Any] = field(default_factory=dict)

    def told(self, sdk: str, scenario: str) -> Any:
        """What a scenario returned. All of an SDK's run when the first is asked for."""
        if sdk not in self._told:
            self._told[sdk] = run_node(
                sdk, *SCENARIOS[sdk], url=self.world.server.url, keys=FIRST, **self.world.environment
            )
        told = self._told[sdk][scenario]
        assert not (isinstance(told, dict) and "traceback" in told), told["traceback"]
        return told
