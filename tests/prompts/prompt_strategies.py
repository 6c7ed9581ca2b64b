"""What Hypothesis draws: texts as hostile as an API could store, JSON of any shape, prompts."""

from __future__ import annotations

from hypothesis import strategies as st

from trunkline.types import PromptContent, PromptType, TemplateEngine, Variable

SPECIAL = [
    "",
    " ",
    "\n",
    "\n\n",
    " \n",
    "\n ",
    "\t",
    "\ta",
    " a",
    "  a\n b",
    "a ",
    "a\n",
    "a\n\n",
    "a\n \n",
    "a\n\n b\n",
    "\na",
    "\n\n  a\n",
    "a\r\nb",
    "a\rb",
    "\r",
    "a\tb",
    "a \nb\t\nc",
    "no",
    "yes",
    "null",
    "~",
    "true",
    "1.10",
    "12:30",
    "0x1f",
    "1e3",
    ".inf",
    "-",
    "- a",
    "# a",
    "a # b",
    "a: b",
    "? a",
    "|",
    ">",
    "|\n  a",
    "---",
    "...",
    "--- a\n...\n",
    "%YAML 1.2",
    "&a",
    "*a",
    "!a",
    "@a",
    "`a`",
    "'",
    '"',
    '"a"',
    "\\",
    "\\n",
    "{{a}}",
    "{% if a %}",
    "[a",
    "]",
    "{a",
    "<<",
    "\x00",
    "\x07",
    "\x1b[31m",
    "\x7f",
    "\x85",
    "a\x85b",
    "\x9f",
    "\xa0",
    "\u2028",
    "a\u2029b",
    "\ufeff",
    "\ufeffa",
    "a\n\ufeffb",
    "\ufffe",
    "\uffff",
    "😀",
    "\U0010ffff",
    "e\u0301",
    "\u202e",
    "x" * 2000,
    ("a" * 100 + "\n") * 50,
]
texts = st.one_of(
    st.sampled_from(SPECIAL),
    st.text(max_size=30),
    st.text("ab \t\n:#-|'\"{}\r", max_size=30),
    st.lists(st.sampled_from(SPECIAL), max_size=4).map("".join),
)
numbers = st.one_of(
    st.integers(),
    st.integers(min_value=-(10**300), max_value=10**300),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -1, 1.0, -0.0, 1e16, 1e-7, 5e-324, 1.7976931348623157e308, 2**63, 2**64]),
)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
messages = st.one_of(
    st.fixed_dictionaries({"role": texts, "content": texts}),
    st.fixed_dictionaries({"type": st.just("placeholder"), "name": texts}),
    st.fixed_dictionaries({"type": st.just("chatmessage"), "role": texts, "content": texts}),
    st.fixed_dictionaries({"role": texts, "content": texts, "tool_calls": json_values, "name": texts}),
    st.fixed_dictionaries({"type": st.just("placeholder"), "name": texts, "note": json_values}),
)
variables = st.dictionaries(texts, st.builds(Variable, required=st.booleans(), description=texts), max_size=3)


def contents() -> st.SearchStrategy[PromptContent]:
    rest = {
        "template": st.sampled_from(TemplateEngine),
        "config": st.one_of(st.just({}), st.dictionaries(texts, json_values, max_size=4), json_values),
        "tags": st.lists(texts, max_size=3).map(tuple),
        "variables": variables,
    }
    return st.one_of(
        st.builds(PromptContent, type=st.just(PromptType.TEXT), prompt=texts, **rest),
        st.builds(
            PromptContent, type=st.just(PromptType.CHAT), prompt=st.lists(messages, max_size=4).map(tuple), **rest
        ),
    )
