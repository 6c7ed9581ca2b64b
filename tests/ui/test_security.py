from __future__ import annotations

import pytest

from trunkline.ui.security import CONTENT_SECURITY_POLICY, form_token, is_form_token, is_same_origin, safe_return


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/a\\b",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "/" + "a" * 5000,
        "/\x00//evil",
    ],
)
def test_a_way_back_never_leaves_the_server(target: str | None) -> None:
    assert safe_return(target) == "/"


@pytest.mark.parametrize(
    ("target", "back"),
    [
        ("/", "/"),
        (
            "/project/p/prompts/support/triage?tab=diff&against=2",
            "/project/p/prompts/support/triage?tab=diff&against=2",
        ),
        ("/project/p/prompts/a%2Fb", "/project/p/prompts/a%2Fb"),
        ("/a?q=é", "/a?q=%C3%A9"),
        ("/a#b", "/a"),
        ("/a?next=//evil.example", "/a?next=//evil.example"),
    ],
)
def test_a_way_back_to_our_own_pages_is_kept(target: str, back: str) -> None:
    assert safe_return(target) == back


def test_the_policy_allows_nothing_unsafe() -> None:
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'")
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "*" not in CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY


def test_form_tokens_belong_to_one_secret() -> None:
    assert is_form_token(form_token("a"), "a")
    assert not is_form_token(form_token("a"), "b")
    assert not is_form_token("", "a")
    assert not is_form_token(form_token(""), "")
    assert not is_form_token("é", "a")


@pytest.mark.parametrize(
    ("origin", "site", "same"),
    [
        (None, None, True),
        ("http://our.host:3000", None, True),
        ("https://OUR.host:3000", "same-origin", True),
        ("http://evil.example", None, False),
        ("null", None, False),
        ("http://our.host:3000", "cross-site", False),
        (None, "same-site", False),
    ],
)
def test_same_origin(origin: str | None, site: str | None, same: bool) -> None:
    assert is_same_origin("our.host:3000", origin, site) is same
