"""Masking: every shape, however it is spelt in JSON; own patterns; what it leaves alone; what it may cost."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing.secret_examples import SECRETS, Secret
from trunkline.dataset_types import ExperimentSpan
from trunkline.errors import InvalidRequest
from trunkline.tracing.mask_rules import MOST_HITS, rules
from trunkline.tracing.masking import Masker
from trunkline.types import Change, ObservationChange, ScoreChange, ScoreType, Stamp, TraceChange

STAMP = Stamp(0, 1)


def masker(*patterns: str, emails: bool = True) -> Masker:
    return Masker(rules(emails, patterns), lambda text: hashlib.sha256(text.encode()).digest())


def assert_gone(secret: Secret, *texts: str) -> None:
    for part in secret.parts:
        for text in texts:
            assert part not in text, (secret.name, text)


def every_escape(text: str) -> str:
    r"""Each character as ``\uXXXX``, as a lazy or a sly encoder may write it."""
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2))


def test_there_are_shapes_enough() -> None:
    assert len(SECRETS) >= 80
    assert len({secret.name for secret in SECRETS}) == len(SECRETS)


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret.name)
@pytest.mark.parametrize("around", ["{}", "say {} and go on", "é{}\nx", "a\t{}, b", "({})", "x: `{}`."], ids=repr)
def test_a_secret_in_a_text(secret: Secret, around: str) -> None:
    masked = masker().text(around.replace("{}", secret.text))
    assert_gone(secret, masked)
    assert "[masked" in masked


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret.name)
def test_a_secret_in_a_document(secret: Secret) -> None:
    nested = json.dumps({"deep": json.dumps({"deeper": secret.text, "n": 1})}, ensure_ascii=True)
    documents = {
        "value": json.dumps({"a": [1.50, secret.text, None], "b": 1e3}),
        "not ASCII": json.dumps({"a": f"ключ {secret.text}"}, ensure_ascii=False),
        "key": json.dumps({secret.text: 1, "b": 2}),
        "text": json.dumps(f"line\n{secret.text}\nline"),
        "JSON in JSON": json.dumps({"arguments": nested}),
        "every escape": '{"a": "' + every_escape(secret.text) + '"}',
        "every escape, deep": json.dumps({"a": '{"b": "' + every_escape(secret.text) + '"}'}),
        "slashes": json.dumps({"a": secret.text}).replace("/", "\\/"),
    }
    for name, document in documents.items():
        masked = masker().document(document.encode()).decode()
        value = json.loads(masked)
        again = json.dumps(value, ensure_ascii=False)
        assert_gone(secret, masked, again, again.encode().decode("unicode_escape", "replace"))
        assert "[masked" in again, name
        inner = value
        while isinstance(inner, str | dict) and name.startswith("JSON"):
            inner = json.loads(inner) if isinstance(inner, str) else next(iter(inner.values()))
            if isinstance(inner, str) and not inner.startswith("{"):
                break


def test_what_is_no_secret_stays_as_it_is() -> None:
    texts = (
        "task-management-is-hard and sk-learn-is-good, disk-usage-of-everything-here",
        "The secret: never stop. Bearer authentication is basic understanding. Password: required",
        "commit 3f9c2d17a0b1c2d3e4f5061728394a5b6c7d8e9f, trace 796df8693c70d36ff36d94403e942ae6",
        "npm_config_registry=x max_tokens=4096 total_tokens: 123456 pkg@1.2.3 @scope/pkg #42 a@b",
        "http://127.0.0.1:3000/project/p/traces/t?x=1 https://example.org/a:b@",
        "support/triage@8 2026-11-23T22:00:00.000Z 1:2 3.14159 SKU-1234 ACME",
    )
    for text in texts:
        assert masker().text(text) is text
        document = json.dumps({"tokens": 12, "token": "hello", "t": text, "keys": [1e-7, 1.0, 12345678901234567890]})
        data = document.encode()
        assert masker().document(data) is data


def test_all_but_the_secret_stays_byte_for_byte() -> None:
    data = b'{ "a":1.50, "b" : "x\\u00e9\\/y sk-ant-api03-abcdefgh!", "c":[1E5,-0.0,12345678901234567890] }'
    assert masker().document(data) == data.replace(b"sk-ant-api03-abcdefgh", b"[masked key]")


def test_addresses_keep_what_is_no_secret() -> None:
    assert masker().text("postgres://app:s3cr3t@db:5432/app") == "postgres://app:[masked key]@db:5432/app"
    assert masker().text("Authorization: Bearer abc.def-123456") == "Authorization: Bearer [masked key]"
    assert masker().text("DD_API_KEY=0123456789abcdef!") == "DD_API_KEY=[masked key]"


def test_emails_may_stay() -> None:
    text = "ada@example.org has sk-ant-api03-abcdefgh"
    assert masker(emails=False).text(text) == "ada@example.org has [masked key]"


def test_what_things_are_found_by_stays_distinct() -> None:
    ada, grace = masker().identifier("ada@example.org"), masker().identifier("grace@example.org")
    assert ada != grace
    assert ada == masker().identifier("ada@example.org")
    keys = json.loads(masker().document(b'{"ada@example.org": 1, "grace@example.org": {"x": "ada@example.org"}}'))
    assert list(keys) == [ada, grace]
    assert keys[grace] == {"x": "[masked e-mail]"}
    assert masker().identifier("user-17") == "user-17"


KEY = "sk-ant-api03-abcdefgh"


def test_every_field_of_a_change_is_looked_at() -> None:
    texts: dict[str, Any] = {"name": KEY, "version": KEY, "environment": "sk-ant-api03-abcdefgh"}
    documents: dict[str, Any] = {
        "input": b'"%s"' % KEY.encode(),
        "output": b'["%s"]' % KEY.encode(),
        "metadata": b'{"a":"ada@x.org"}',
    }
    changes: list[Change] = [
        TraceChange(
            id=KEY, stamp=STAMP, user_id="ada@x.org", session_id=KEY, release=KEY, tags=("b", KEY), **texts, **documents
        ),
        ObservationChange(
            id=KEY,
            trace_id=KEY,
            stamp=STAMP,
            parent_id=KEY,
            status_message=KEY,
            model=KEY,
            prompt_name=KEY,
            usage={KEY: 1},
            cost={"ada@x.org": 0.1},
            model_parameters=b'{"api_key":"0123456789abcdef"}',
            **texts,
            **documents,
        ),
        ScoreChange(
            id=KEY,
            stamp=STAMP,
            data_type=ScoreType.TEXT,
            timestamp=1,
            string_value=KEY,
            comment="ask ada@x.org",
            trace_id=KEY,
            observation_id=KEY,
            session_id=KEY,
            run_id=KEY,
            author_id="ada@x.org",
            config_id=KEY,
            queue_id=KEY,
            metadata=documents["metadata"],
            name=KEY,
            environment=KEY,
        ),
    ]
    masked = masker().changes(changes)
    said = msgspec.json.encode(
        [msgspec.to_builtins(change, builtin_types=(bytes,)) for change in masked], enc_hook=repr
    )
    for part in (b"abcdefgh", b"x.org", b"0123456789abcdef"):
        assert part not in said.replace(b"\\", b"")
    trace, observation, score = masked
    assert isinstance(trace, TraceChange)
    assert isinstance(observation, ObservationChange)
    assert isinstance(score, ScoreChange)
    assert trace.id == observation.trace_id == score.trace_id
    assert trace.environment == "masked"
    assert trace.tags == ("[masked key]", "b")


def test_what_spans_say_of_experiments_is_masked_too() -> None:
    names = [name for name in ExperimentSpan.__struct_fields__ if name not in {"item_version", "start", "end"}]
    documents = {"metadata", "item_metadata", "expected_output"}
    told: dict[str, Any] = {name: b'{"a":"%s"}' % KEY.encode() if name in documents else KEY for name in names}
    (masked,) = masker().changes([ExperimentSpan(**told, item_version=1, start=1, end=2)])
    assert "abcdefgh" not in repr(masked)
    assert masked.trace_id == masked.experiment_id == masker().identifier(KEY)


def test_changes_without_secrets_come_back_as_they_are() -> None:
    change = TraceChange(id="t", stamp=STAMP, name="x", input=b'{"a": 1}')
    assert masker().changes([change])[0] is change


# --- own patterns


def test_own_patterns_see_each_string_as_it_reads() -> None:
    own = masker(r"KD-[0-9]{8}", "^top.*", "größe [0-9]+")
    document = {
        "x": "a KD-12345678",
        "KD-11111111": "top secret",
        "y": json.dumps({"z": "KD-87654321"}),
        "n": 12,
        "s": "on top",
        "g": "größe 5",
    }
    for ascii_only in (True, False):
        found = json.loads(own.document(json.dumps(document, ensure_ascii=ascii_only).encode()))
        assert (found["x"], found["s"], found["g"], found["n"]) == ("a [masked]", "on top", "[masked]", 12)
        assert json.loads(found["y"]) == {"z": "[masked]"}
        assert sum(key.startswith("[masked ") and value == "[masked]" for key, value in found.items()) == 1
    assert own.text("top") == "[masked]"
    escaped = '"' + every_escape("KD-12345678") + '"'
    assert own.document(escaped.encode()) == b'"[masked]"'


@pytest.mark.parametrize(
    "pattern",
    ["(?<=a)b", r"(a)\1", "a{1001}", "(a{1000}){1000}", "x{600}[ab]{600}", "a*", "", "(", "(?!x)y", r"\pL{30}"],
)
def test_a_pattern_that_is_not_bounded_is_refused_and_says_why(pattern: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        masker(pattern)
    assert repr(pattern) in refused.value.message


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(x+x+)+y", "x" * 3_000_000),
        ("a.*b|a", "a" * 3_000_000),
        ("(.*)*b|a", "a" * 3_000_000),
        ("[ab]*a[ab]{400}c", "ab" * 1_500_000),
        ("a", "a" * 3_000_000),
    ],
)
def test_own_patterns_take_bounded_time(pattern: str, text: str) -> None:
    """Where a second does not reach, everything is masked: nothing gets by because looking took too long."""
    began = time.perf_counter()
    masked = masker(pattern).document(json.dumps([text, "x" + text]).encode())
    assert time.perf_counter() - began < 20
    assert len(json.loads(masked)) == 2
    if pattern in {"a", "a.*b|a", "(.*)*b|a"}:
        assert b"aaaa" not in masked


def test_a_text_with_more_hits_than_are_counted_is_masked_whole() -> None:
    many = "ada@example.org " * (MOST_HITS + 1)
    assert masker().text(many) == "[masked key]"
    assert masker().document(json.dumps(many).encode()) == b'"[masked]"'
    assert json.loads(masker().document(json.dumps({"a": many}).encode())) == {"masked": "[masked]"}
    once = masker()
    half = json.dumps("ada@example.org " * (MOST_HITS // 2 + 1)).encode()
    assert [len(once.document(half)) > 100, len(once.document(half)) > 100] == [True, False]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.sampled_from(SECRETS),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=12,
    ),
    st.booleans(),
)
def test_documents_stay_documents(value: Any, ascii_only: bool) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, Secret):
            return value.text
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return {key: plain(inner) for key, inner in value.items()} if isinstance(value, dict) else value

    data = json.dumps(plain(value), ensure_ascii=ascii_only).encode("utf-8", "replace")
    masked = masker("[0-9]{7}").document(data)
    json.loads(masked)
    for secret in SECRETS:
        if secret.text in json.dumps(plain(value), ensure_ascii=False):
            assert_gone(secret, masked.decode())
