"""Hardened Jinja2: the hostile are refused in bounded time and memory, the ordinary give what Jinja2 gives."""

# ruff: noqa: E501 - a template is best read on one line

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import jinja2
import pytest
from hostile_templates import HOSTILE, WITH_VARIABLES
from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import SandboxedEnvironment

from trunkline.errors import InvalidRequest
from trunkline.prompts import templates
from trunkline.prompts.template_meter import Meter
from trunkline.prompts.templates import check_template, names_of, render
from trunkline.types import JSON

STOCK = SandboxedEnvironment()
SECONDS = 2.0
"""A quiet machine takes 50 ms; a busy one has to be allowed more."""
BYTES = 32 * 2**20

DATA: dict[str, JSON] = {
    "name": "Ada",
    "text": "  The quick brown fox\n  jumps <over> 'the' lazy dog & more.  ",
    "xs": ["b", "a", "C", "a"],
    "ns": [3, 1, 2],
    "empty": [],
    "none": None,
    "yes": True,
    "n": 7,
    "pi": 3.14159,
    "user": {"name": "Bob", "tags": ["x", "y"], "address": {"city": "Paris"}},
    "rows": [
        {"id": 2, "kind": "a", "note": "second", "ok": True},
        {"id": 1, "kind": "b", "note": "first", "ok": False},
        {"id": 3, "kind": "a", "note": None, "ok": True},
    ],
    "d": {"b": 1, "a": [1, 2], "C": None},
}
ORDINARY = [
    "Hello {{ name }}!",
    "{{ name|upper }} {{ name|lower }} {{ name|title }} {{ name|capitalize }} {{ name|length }} {{ name|reverse }}",
    "{% for x in xs %}{{ loop.index }}/{{ loop.length }} {{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for x in xs %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.depth }}{{ loop.previtem }}"
    "{{ loop.nextitem }}{{ loop.cycle('odd', 'even') }}{{ loop.changed(x) }}{% endfor %}",
    "{% for x in empty %}x{% else %}nothing{% endfor %}",
    "{% for x in ns if x > 1 %}{{ loop.index }}{{ x }}{% endfor %}",
    "{% for key, value in d.items() %}{{ key }}={{ value }};{% endfor %}",
    "{% for key, value in d|dictsort %}{{ key }}={{ value }};{% endfor %}",
    "{% for key in d %}{{ key }}{% endfor %}{{ d.keys()|list }}{{ d.values()|list }}{{ d.get('b') }}{{ d.get('zz', 5) }}",
    "{% if yes and n > 5 %}a{% elif none %}b{% else %}c{% endif %}{% if none %}b{% elif n == 7 %}d{% endif %}",
    "{{ 'yes' if yes else 'no' }}{{ 'x' if none }}",
    "{% set x = 1 %}{% for y in ns %}{{ x }}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}",
    "{% set a, b = 1, 2 %}{{ a + b }}{% set block %}in {{ name }}{% endset %}{{ block }}",
    "{% set t = namespace(sum=0) %}{% for x in ns %}{% set t.sum = t.sum + x %}{% endfor %}{{ t.sum }}",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}",
    "{% filter upper %}in {{ name }}{% endfilter %}{% filter trim|upper %} x {% endfilter %}",
    "{{ missing }}{{ missing|default('x') }}{{ none|default('x') }}{{ none|default('x', true) }}{{ ''|d('y', boolean=True) }}",
    "{{ missing is defined }}{{ name is defined }}{{ missing is undefined }}{{ none is none }}{{ n is odd }}{{ n is divisibleby(7) }}",
    "{{ name is string }}{{ n is number }}{{ d is mapping }}{{ xs is sequence }}{{ xs is iterable }}{{ yes is true }}{{ 7 is eq 7 }}",
    "{{ n is in [7, 8] }}{{ 'a' in xs }}{{ 'z' not in xs }}{{ 'b' in d }}{{ 'A' in name }}{{ 1 < n <= 7 }}{{ n is not even }}",
    "{{ xs|join(', ') }} {{ xs|join }} {{ rows|join('-', attribute='note') }}",
    "{{ xs|first }}{{ xs|last }}{{ xs|length }}{{ xs|count }}{{ empty|first }}{{ empty|last }}{{ name|first }}{{ name|last }}",
    "{{ text|trim }}|{{ text|trim|truncate(20) }}|{{ text|wordcount }}|{{ text|replace('fox', 'cat') }}|{{ text|indent(2) }}",
    "{{ text|indent(width=3, first=True, blank=True) }}|{{ text|wordwrap(12) }}|{{ name|center(9) }}",
    "{{ d|tojson }}{{ rows|tojson(indent=2) }}{{ 'é<&>\\''|tojson }}{{ none|tojson }}{{ pi|tojson }}",
    "{{ pi|round(2) }} {{ pi|round }} {{ 2.5|round(0, 'floor') }} {{ 2.1|round(method='ceil') }} {{ n|float }} {{ '12'|int }} {{ 'x'|int(3) }}",
    "{{ ns|sum }} {{ ns|min }} {{ ns|max }} {{ rows|sum(attribute='id') }} {{ rows|map(attribute='id')|max }} {{ -3|abs }}",
    "{{ xs|sort|join }} {{ xs|sort(reverse=true)|join }} {{ xs|sort(case_sensitive=true)|join }} {{ xs|unique|join }} {{ ns|sort|list }}",
    "{{ rows|sort(attribute='kind,id')|map(attribute='id')|list }} {{ rows|map(attribute='missing', default='-')|join }}",
    "{{ rows|selectattr('ok')|map(attribute='id')|list }} {{ rows|rejectattr('kind', 'equalto', 'a')|map(attribute='id')|list }}",
    "{{ ns|select('odd')|list }}{{ ns|reject('greaterthan', 2)|list }}{{ xs|map('upper')|list }}{{ ns|map('string')|join('+') }}",
    "{% for kind, group in rows|groupby('kind') %}{{ kind }}: {% for r in group %}{{ r.id }} {% endfor %}{% endfor %}",
    "{% for row in ns|batch(2, '-') %}{{ row|join(',') }};{% endfor %}{% for col in ns|slice(2) %}{{ col|join(',') }};{% endfor %}",
    "{{ user.name }} {{ user['name'] }} {{ user.tags[0] }} {{ user.tags.1 }} {{ user.address.city }} {{ user.missing }} {{ xs[9] }}",
    "{{ xs[1:3] }} {{ name[::-1] }} {{ ns[-1] }} {{ xs[:2]|join }} {{ name[0] }} {{ (1, 2)[1] }}",
    "{{ n + 1 }} {{ n - 1 }} {{ n * 2 }} {{ n / 2 }} {{ n // 2 }} {{ n % 4 }} {{ n ** 2 }} {{ -n }} {{ +n }} {{ 'a' * 3 }} {{ [1] + [2] }}",
    "{{ name ~ n ~ none ~ yes }} {{ 'a' + 'b' }} {{ not yes }} {{ none or 'x' }} {{ yes and 'y' }}",
    "{{ [1, 'a', none, true, 1.5] }} {{ {'a': 1, 'b': [2]} }} {{ (1, 'x') }} {{ dict(a=1).a }} {{ range(3)|list }} {{ range(1, 9, 3)|join }}",
    "{# a comment #}a{#- trimmed -#} b {%- if yes %} c {%- endif -%} d\n\n",
    "{% raw %}{{ name }} {% if %}{% endraw %}",
    "line\n{%- for x in ns %}\n  {{ x }}\n{%- endfor %}\nend\n",
    "{% if yes %}\n  a\n{% endif %}\nb\r\nc",
    "{{ name.upper() }} {{ text.strip().split()|length }} {{ 'a,b'.split(',') }} {{ name.startswith('A') }} {{ ','.join(xs) }} {{ name.replace('A', 'I') }}",
    "{{ '%s is %d and %.2f %5s|%-5s|'|format(name, n, pi, 'r', 'l') }} {{ '%(a)s %%'|format(a=1) }}",
    "{{ 1000|filesizeformat }} {{ 'a b&c'|urlencode }} {{ '<b>'|e }} {{ '<b>'|safe }} {{ 5|string ~ 5 }}",
    "{{ d|items|list }} {{ missing|items|list }} {{ missing|length }} {{ missing|join }} {{ missing ~ 'x' }}",
    "{{ 'it''s' if false else \"q\\\"q\" }} {{ 'tab\\t' }} {{ 1_000 }} {{ 1e3 }} {{ 0x1f }} {{ true }} {{ None }}",
    "{% for a in ns %}{% for b in ns %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}{% for a in name %}{{ a }}.{% endfor %}",
    "{% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }}{% endfor %}{% for r in rows if r.ok %}{{ r.id }}{% else %}none{% endfor %}",
]


@pytest.mark.parametrize("source", ORDINARY)
def test_ordinary_templates_give_what_jinja2_gives(source: str) -> None:
    check_template(source)
    assert render(source, DATA) == STOCK.from_string(source).render(DATA)


def refused(call: Callable[[], object]) -> InvalidRequest:
    """That `call` is refused, in bounded time and memory (measured apart: tracing memory takes time)."""
    templates._cached_tree.cache_clear()
    started = time.process_time()
    with pytest.raises(InvalidRequest) as caught:
        call()
    took = time.process_time() - started
    templates._cached_tree.cache_clear()
    tracemalloc.start()
    with pytest.raises(InvalidRequest):
        call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < SECONDS
    assert peak < BYTES
    return caught.value


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_templates_are_refused_when_they_are_checked(name: str) -> None:
    error = refused(lambda: check_template(HOSTILE[name]))
    assert "template" in error.message.lower()
    assert len(error.message) < 1000


@pytest.mark.parametrize("name", WITH_VARIABLES)
def test_hostile_variables_are_refused_when_they_are_run(name: str) -> None:
    source, variables = WITH_VARIABLES[name]
    check_template(source)
    refused(lambda: render(source, variables))


def test_the_process_stays_small() -> None:
    """All hostile templates in a process that may not have more than 128 MB beyond what it starts with."""
    script = (
        "import resource, sys\n"
        "from hostile_templates import HOSTILE\n"
        "from trunkline.errors import InvalidRequest\n"
        "from trunkline.prompts.templates import check_template\n"
        "used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "for source in HOSTILE.values():\n"
        "    try:\n"
        "        check_template(source)\n"
        "    except InvalidRequest:\n"
        "        continue\n"
        "    sys.exit('accepted: ' + source[:80])\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - used\n"
        "sys.exit(0 if grown < 128 * 2**20 else f'grew by {grown}')\n"
    )
    folder = Path(__file__).parent
    finished = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ x }}", "'x' is undefined"),
        ("{{ x|upper }}", "'x' is undefined"),
        ("{% if x %}a{% endif %}", "'x' is undefined"),
        ("{% for a in x %}a{% endfor %}", "'x' is undefined"),
        ("{{ user.nme }}", "no attribute 'nme'"),
    ],
)
def test_strict_names_what_is_missing(source: str, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        render(source, {"user": {"name": "a"}}, strict=True)
    render(source, {"user": {"name": "a"}})


def test_strict_allows_to_ask() -> None:
    assert render("{{ x is defined }}{{ x|default('y') }}", {}, strict=True) == "Falsey"


@pytest.mark.parametrize(
    ("source", "line"),
    [("a\n{{ x.y.z }}", 2), ("\n\n{{ 1 / 0 }}", 3), ("{{ 1 + 'a' }}", 1), ("\n{{ 1|join }}", 2), ("{{ ns.a() }}", 1)],
)
def test_errors_name_the_line(source: str, line: int) -> None:
    check_template(source)
    with pytest.raises(InvalidRequest, match=f"line {line}"):
        render(source, {"ns": {}})


def test_a_key_comes_before_a_method_of_its_name() -> None:
    assert render("{{ order['items'] }}{{ order.items }}", {"order": {"items": [1]}}) == "[1][1]"


def test_the_callers_data_is_never_changed() -> None:
    data: dict[str, JSON] = {"xs": [1], "d": {"a": 1}}
    with pytest.raises(InvalidRequest):
        render("{{ xs.append(2) }}", data)
    with pytest.raises(InvalidRequest):
        render("{% set d.a = 2 %}", data)
    assert data == {"xs": [1], "d": {"a": 1}}


def test_messages_share_a_budget() -> None:
    meter = Meter()
    source = "{% for a in range(4000) %}{{ a }}{% endfor %}"
    assert render(source, {}, meter=meter)
    assert render(source, {}, meter=meter)
    with pytest.raises(InvalidRequest, match="steps"):
        render(source, {}, meter=meter)
    assert render(source, {})


def test_names() -> None:
    names = names_of(
        "{% set a = b %}{{ a }}{{ c.d }}{% for e in f if e > g %}{{ e }}{{ loop.index }}{{ h }}{% else %}{{ e2 }}{% endfor %}"
        "{{ i|default(j) }}{% if k is defined %}{{ k }}{% endif %}{% with l = m %}{{ l }}{% endwith %}{{ range(n) }}"
        "{% set o %}{{ p }}{% endset %}{{ o }}{{ x[y] }}{{ c }}"
    )
    assert names.used == ("b", "c", "f", "g", "h", "e2", "i", "j", "k", "m", "n", "p", "x", "y")
    assert names.needed == ("b", "c", "f", "g", "h", "e2", "j", "m", "n", "p", "x", "y")


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "B c", "é", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
EXPRESSIONS = [
    *[
        "a",
        "b",
        "a.b",
        "a[0]",
        "a['b']",
        "a[1:]",
        "a ~ b",
        "a + b",
        "a - b",
        "a * 2",
        "a == b",
        "a < b",
        "a in b",
        "not a",
    ],
    *[
        "a and b",
        "a or b",
        "a if b else c",
        "a if b",
        "a|upper",
        "a|length",
        "a|first",
        "a|last",
        "a|join('-')",
        "a|list",
    ],
    *[
        "a|sort|list",
        "a|unique|list",
        "a|reverse|list",
        "a|tojson",
        "a|string",
        "a|int",
        "a|float",
        "a|default(b)",
        "a|sum",
    ],
    *[
        "a|min",
        "a|max",
        "a|title",
        "a|trim",
        "a|replace('a', 'b')",
        "a|abs",
        "a|round(1)",
        "a|dictsort",
        "a|items|list",
        "-a",
    ],
    *[
        "a is defined",
        "a is none",
        "a is string",
        "a is mapping",
        "a is sequence",
        "a is number",
        "a is eq b",
        "[a, b]",
        "{'k': a}",
    ],
    *[
        "a|map('string')|list",
        "a|select|list",
        "a|truncate(3, true)",
        "a|wordcount",
        "a|batch(2)|list",
        "a|center(6)",
        "a|e",
    ],
]


@given(st.lists(st.sampled_from(EXPRESSIONS), min_size=1, max_size=3), values, values, st.booleans())
def test_random_expressions_give_what_jinja2_gives(parts: list[str], a: JSON, b: JSON, looped: bool) -> None:
    body = "|".join("{{ (" + part + ") }}" for part in parts)
    source = "{% for c in [1, 2] %}" + body + "{% endfor %}" if looped else body
    data = {"a": a, "b": b}
    try:
        expected = STOCK.from_string(source).render(data)
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, AssertionError):
        with suppress(InvalidRequest):  # ours may know what to do with it: truncate takes a number, too
            render(source, data)
        return
    assert render(source, data) == expected


@given(st.text("{}%#ab '|.[](),+-*~=0 \n", max_size=60) | st.text(max_size=30))
def test_any_text_is_run_or_refused(source: str) -> None:
    for call in (check_template, lambda text: render(text, {"a": "x", "b": [1]}), names_of):
        try:
            call(source)
        except InvalidRequest:
            continue
