"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Test processes share the cores with each other: how long an example took to draw or to run says nothing of the code.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")
