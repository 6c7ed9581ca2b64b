from __future__ import annotations

import json

import pytest

from trunkline.types import JSON
from trunkline.ui.content import MAX_SHOWN, Kind, colour, show, show_json, snippet


def data(value: JSON) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("value", [None, "", {}, []])
def test_nothing(value: JSON) -> None:
    assert show(data(value)).kind is Kind.EMPTY
    assert show(None).kind is Kind.EMPTY


def test_a_string_is_text() -> None:
    shown = show(data("Hello\nworld"))
    assert (shown.kind, shown.text) == (Kind.TEXT, "Hello\nworld")


def test_json_inside_a_string_is_shown_as_json() -> None:
    assert show(data('{"a": 1}')).kind is Kind.JSON
    assert show(data("{not json}")).kind is Kind.TEXT


@pytest.mark.parametrize(
    "value",
    [
        [{"role": "user", "content": "Hi"}],
        {"role": "user", "content": "Hi"},
        {"messages": [{"role": "user", "content": "Hi"}], "tools": []},
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}]},
        [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        [{"role": "user", "parts": [{"text": "Hi"}]}],
    ],
)
def test_messages_are_shown_as_chat(value: JSON) -> None:
    shown = show(data(value))
    assert shown.kind is Kind.CHAT
    assert shown.messages[0].parts[0].text == "Hi"
    assert snippet(data(value)) == "Hi"


def test_what_stands_beside_the_messages_is_kept() -> None:
    shown = show(data({"messages": [{"role": "user", "content": "Hi"}], "temperature": 1}))
    assert "".join(token.text for token in shown.rest) == '{\n  "temperature": 1\n}'


def test_a_tool_call_is_named_and_its_arguments_are_json() -> None:
    call = {"function": {"name": "route", "arguments": '{"queue": "billing"}'}}
    shown = show(data([{"role": "assistant", "content": None, "tool_calls": [call]}]))
    part = shown.messages[0].parts[0]
    assert part.title == "calls route"
    assert "".join(token.text for token in part.tokens) == '{\n  "queue": "billing"\n}'


@pytest.mark.parametrize("calls", [5, ["x"], [{"function": 5}], {"a": 1}, [{"function": {"arguments": 3}}]])
def test_strange_tool_calls_do_no_harm(calls: JSON) -> None:
    assert show(data([{"role": "assistant", "content": "x", "tool_calls": calls}])).kind is Kind.CHAT


@pytest.mark.parametrize(
    "value", [[{"role": "user"}], [{"content": "x"}], [1, 2], {"messages": [1]}, {"choices": []}, 7, True]
)
def test_other_json_is_json(value: JSON) -> None:
    assert show(data(value)).kind is Kind.JSON


def test_tokens_put_together_are_the_text() -> None:
    text = json.dumps({"a": [1, -2.5e3, True, None, 'quote " inside', "back\\"], "b": {}}, indent=2)
    tokens = colour(text)
    assert "".join(token.text for token in tokens) == text
    assert {token.style for token in tokens} == {"", "json-key", "json-string", "json-number", "json-word"}


def test_long_payloads_are_cut_and_it_is_said() -> None:
    shown = show(data("x" * (MAX_SHOWN + 5)))
    assert (len(shown.text), shown.cut) == (MAX_SHOWN, 5)
    assert show(data(["x" * 30 * MAX_SHOWN])).cut > 0


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"not json", b'"\\ud800"'])
def test_broken_documents_are_shown_as_text(raw: bytes) -> None:
    assert show(raw).kind in {Kind.TEXT, Kind.JSON}
    assert isinstance(snippet(raw), str)


def test_deep_json_does_not_end_in_a_recursion_error() -> None:
    deep = b"[" * 900 + b"]" * 900
    assert show(deep).kind in {Kind.TEXT, Kind.JSON, Kind.EMPTY}
    assert isinstance(snippet(deep), str)


def test_a_config_is_json_whatever_it_looks_like() -> None:
    assert show_json({"messages": [{"role": "user", "content": "x"}]}).kind is Kind.JSON
