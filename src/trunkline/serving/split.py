"""Which arm of a label a caller gets: by weight, and always the same one for a key that the caller gives.

Sticky choices use weighted rendezvous hashing: every arm draws a score from a hash of (key, prompt, label, arm) and the
highest wins. With the score ``-weight / ln(h)``, h uniform in (0, 1), an arm wins in proportion to its weight, and a
change of weights moves only those keys that have to move. Sources: D. Thaler and C. Ravishankar, "Using name-based
mappings to increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998; the logarithmic method is from
C. Schindelhauer and G. Schomaker, "Weighted distributed hash tables", SPAA 2005.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence

from trunkline.registry.snapshot import ServedArm


def choose(arms: Sequence[ServedArm], sticky: str | None, *, name: str, label: str) -> ServedArm:
    """One arm: the same for the same `sticky` key while weights stay, a random one without a key.

    An arm of weight 0 is never chosen unless all are 0 (a label with an arm must serve something).
    """
    if len(arms) == 1:
        return arms[0]
    if sticky is None:
        return arms[draw([arm.weight for arm in arms])]
    return max(arms, key=lambda arm: (_score(arm, sticky, name, label), arm.version.version))


def draw(weights: Sequence[int]) -> int:
    """A random index, in proportion to the weights."""
    if not any(weights):
        return len(weights) - 1
    return random.choices(range(len(weights)), weights)[0]  # noqa: S311 - traffic is shared, nothing is kept secret


def _score(arm: ServedArm, sticky: str, name: str, label: str) -> float:
    if arm.weight <= 0:
        return 0.0
    drawn = f"{len(sticky)}:{sticky}\0{name}\0{label}\0{arm.version.version}".encode(errors="surrogatepass")
    number = int.from_bytes(hashlib.blake2b(drawn, digest_size=8).digest(), "big") >> 11
    score: float = -arm.weight / math.log((number + 0.5) / 2**53)
    return score
