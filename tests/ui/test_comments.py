"""Comments on the page of a trace."""

from __future__ import annotations

import httpx

from trunkline.store.comments import Comment, Commented
from ui.world import TRACE, World

PAGE = f"/project/default/traces/{TRACE}"


def test_comments_stand_with_what_they_are_on(signed_in: httpx.Client, world: World) -> None:
    for on, id, content in (
        (Commented.TRACE, TRACE, "a <b>whole</b> trace"),
        (Commented.OBSERVATION, "o-triage", "only the triage"),
    ):
        comment = Comment(
            id=id, project_id="default", object_type=on, object_id=id, content=content, created_at=1_767_225_600_000_000
        )
        world.services.comments.create(comment)
    whole = signed_in.get(PAGE).text
    chosen = signed_in.get(f"{PAGE}?observation=o-triage").text
    assert "a &lt;b&gt;whole&lt;/b&gt; trace" in whole
    assert "only the triage" not in whole
    assert "only the triage" in chosen
