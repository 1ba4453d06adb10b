"""Strict JSON objects, and verified claims that nobody can change."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_oidc_rs.core import strict_json
from django_oidc_rs.core.strict_json import (
    FrozenDict,
    StrictJsonError,
    freeze,
    loads_frozen,
    loads_object,
)

from .builders import examples

both = pytest.mark.parametrize("loads", [loads_object, loads_frozen])


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"{}", {}),
        (
            b' {"a": [1, -0, 2.5, 1e3, true, null]}\r\n',
            {"a": [1, 0, 2.5, 1e3, True, None]},
        ),
        ('{"ä": "\U0001f600"}'.encode(), {"ä": "\U0001f600"}),
        (rb'{"a": "\ud83d\ude00\u00e4"}', {"a": "\U0001f600ä"}),
        (b'{"a": {"b": 1}, "c": {"b": 2}}', {"a": {"b": 1}, "c": {"b": 2}}),
        (b'{"n": ' + b"9" * 400 + b"}", {"n": int("9" * 400)}),
    ],
)
def test_an_object_is_parsed(data, value):
    assert loads_object(data) == value
    frozen_value = loads_frozen(data)
    assert frozen_value == freeze(value)
    assert type(frozen_value) is FrozenDict


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"{", "not JSON", id="cut"),
        pytest.param(b"{} x", "not JSON", id="trailing-garbage"),
        pytest.param(b"{}{}", "not JSON", id="two-objects"),
        pytest.param(b"\f{}", "not JSON", id="form-feed-in-front"),
        pytest.param(b"{}\x1f", "not JSON", id="separator-behind"),
        pytest.param("{}\u00a0".encode(), "not JSON", id="no-break-space-behind"),
        pytest.param(b"{'a': 1}", "not JSON", id="single-quotes"),
        pytest.param(b'{"a": 1,}', "not JSON", id="trailing-comma"),
        pytest.param(b'{"a": 1} // b', "not JSON", id="comment"),
        pytest.param(b'{"a": "\n"}', "not JSON", id="raw-control-character"),
        pytest.param(b'{"a": 01}', "not JSON", id="leading-zero"),
        pytest.param(b'{"n": ' + b"9" * 5000 + b"}", "not JSON", id="huge-integer"),
        pytest.param(b"[]", "not an object", id="array"),
        pytest.param(b'"a"', "not an object", id="string"),
        pytest.param(b"1", "not an object", id="number"),
        pytest.param(b"null", "not an object", id="null"),
        pytest.param(b"true", "not an object", id="true"),
        pytest.param(b'{"a": 1, "a": 1}', "duplicate member", id="duplicate"),
        pytest.param(
            rb'{"a": 1, "\u0061": 2}', "duplicate member", id="duplicate-by-escape"
        ),
        pytest.param(
            b'{"x": [{"a": 1, "a": 2}]}', "duplicate member", id="duplicate-below"
        ),
        pytest.param(b'{"a": NaN}', "NaN is no JSON", id="nan"),
        pytest.param(b'{"a": Infinity}', "Infinity is no JSON", id="infinity"),
        pytest.param(b'{"a": -Infinity}', "-Infinity is no JSON", id="minus-infinity"),
        pytest.param(b'{"a": 1e400}', "number out of range", id="float-overflow"),
        pytest.param(b'{"a": -1e400}', "number out of range", id="float-underflow"),
        pytest.param(b"\xef\xbb\xbf{}", "not JSON", id="byte-order-mark"),
        pytest.param("{}".encode("utf-16"), "not UTF-8", id="utf-16-with-mark"),
        pytest.param("{}".encode("utf-16-le"), "not JSON", id="utf-16"),
        pytest.param("{}".encode("utf-32-be"), "not JSON", id="utf-32"),
        pytest.param(b'{"a": "\xe4"}', "not UTF-8", id="latin-1"),
        pytest.param(b'{"a": "\xed\xa0\x80"}', "not UTF-8", id="raw-surrogate"),
        pytest.param(b'{"a": "\xc0\xaf"}', "not UTF-8", id="overlong"),
        pytest.param(rb'{"a": "\ud800"}', "not UTF-8", id="lone-surrogate"),
        pytest.param(rb'{"\udc00": 1}', "not UTF-8", id="lone-surrogate-in-a-name"),
        pytest.param(
            b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            "nested too deeply",
            id="deep-array",
        ),
        pytest.param(
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            "nested too deeply",
            id="deep-object",
        ),
    ],
)
@both
def test_anything_else_is_refused(loads, data, message):
    with pytest.raises(StrictJsonError) as caught:
        loads(data)
    assert str(caught.value) == message


def nested(depth, core=b"1", *, array=False):
    start, end = (b"[", b"]") if array else (b'{"a":', b"}")
    return b'{"x":' + start * (depth - 1) + core + end * (depth - 1) + b"}"


@pytest.mark.parametrize("array", [True, False])
def test_nesting_is_bounded_alike_everywhere(array):
    loads_object(nested(32, array=array))
    with pytest.raises(StrictJsonError) as caught:
        loads_object(nested(33, array=array))
    assert str(caught.value) == "nested too deeply"


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":' + b"[" * 33,
        b'{"a": "\\"' + b'", ' + b"[" * 33,
        b'"' + b'\\"' * 1000 + b'"' + b"{" * 33,
        nested(33),
        # What was closed before neither adds nor takes away.
        b'{"a": [[], [], []], ' + nested(33)[1:],
    ],
)
@both
def test_deep_nesting_never_reaches_the_parser(monkeypatch, loads, data):
    """It recurses in C: where stacks are small, that ends the process."""
    for decoder in ("_plain", "_frozen", "_frozen_arrays"):
        monkeypatch.setattr(strict_json, decoder, None)
    with pytest.raises(StrictJsonError, match="nested too deeply"):
        loads(data)


def test_brackets_in_strings_are_not_nested():
    text = "[{" * 100 + '\\"' + "\\" + "[" * 50
    assert loads_object(json.dumps({"a": text, "b": [[]]}).encode()) == {
        "a": text,
        "b": [[]],
    }


@pytest.mark.parametrize("tail", ["", "\\", '\\"'])
def test_a_string_without_an_end_is_not_json(tail):
    data = ('{"a": "' + "[" * 50 + tail).encode()
    with pytest.raises(StrictJsonError, match="not JSON"):
        loads_object(data)


def test_32_levels_beside_other_brackets_are_fine():
    assert set(loads_object(b'{"a": [[], []], ' + nested(32)[1:])) == {"a", "x"}


def test_many_objects_that_are_not_nested_are_fine():
    data = b'{"keys": [' + b",".join([b'{"a": [1, {}]}'] * 500) + b"]}"
    assert len(loads_object(data)["keys"]) == 500


@given(st.one_of(st.binary(max_size=80), st.text(max_size=40).map(str.encode)))
@examples(300)
def test_arbitrary_bytes_raise_nothing_else(data):
    try:
        value = loads_object(data)
    except StrictJsonError:
        with pytest.raises(StrictJsonError):
            loads_frozen(data)
        return
    assert type(value) is dict
    assert loads_frozen(data) == freeze(value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=8), _JSON, max_size=5), st.booleans())
@examples(200)
def test_what_json_writes_is_read(value, escaped):
    data = json.dumps(value, ensure_ascii=escaped).encode()
    assert loads_object(data) == value


def frozen():
    return freeze({"a": 1, "list": [1, {"b": [2]}], "object": {"c": {}}})


@pytest.mark.parametrize(
    "value",
    [
        {"a": {"b": {"c": 1}}},
        {"list": [1, [2, [3, {"b": [4]}]], "[", {}], "object": {"c": [], "d": [[]]}},
    ],
)
def test_what_is_parsed_frozen_is_frozen_deeply(value):
    made = loads_frozen(json.dumps(value).encode())
    assert repr(made) == repr(freeze(value))
    assert _kinds(made) == _kinds(freeze(value))


def _kinds(value):
    if isinstance(value, dict):
        return type(value), [_kinds(item) for item in value.values()]
    if isinstance(value, (list, tuple)):
        return type(value), [_kinds(item) for item in value]
    return type(value)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda d: d.__setitem__("a", 2), id="set-item"),
        pytest.param(lambda d: d.__delitem__("a"), id="delete-item"),
        pytest.param(lambda d: d.__ior__({"a": 2}), id="in-place-or"),
        pytest.param(lambda d: d.clear(), id="clear"),
        pytest.param(lambda d: d.pop("a"), id="pop"),
        pytest.param(lambda d: d.popitem(), id="popitem"),
        pytest.param(lambda d: d.setdefault("z", 2), id="setdefault"),
        pytest.param(lambda d: d.update(a=2), id="update"),
        pytest.param(lambda d: d["object"].update(c=2), id="below"),
        pytest.param(lambda d: d["list"][1].update(b=2), id="below-an-array"),
        pytest.param(lambda d: d["list"].append(2), id="array"),
    ],
)
def test_a_frozen_object_cannot_change(change):
    value = frozen()
    with pytest.raises((TypeError, AttributeError)):
        change(value)
    assert value == frozen()


def test_a_project_that_tries_reads_why_not():
    with pytest.raises(TypeError, match=r"^verified claims cannot be changed$"):
        frozen()["a"] = 2


def test_a_frozen_object_reads_as_a_dict():
    value = frozen()
    assert isinstance(value, FrozenDict)
    assert value["list"] == (1, {"b": (2,)})
    assert value | {"a": 2} == {**value, "a": 2}
    assert json.loads(json.dumps(value)) == {
        "a": 1,
        "list": [1, {"b": [2]}],
        "object": {"c": {}},
    }


def test_a_frozen_object_is_its_own_copy():
    value = frozen()
    assert copy.copy(value) is value
    assert copy.deepcopy(value) is value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_frozen_object_can_be_pickled(protocol):
    again = pickle.loads(pickle.dumps(frozen(), protocol))
    assert again == frozen()
    assert type(again) is type(again["object"]) is type(again["list"][1]) is FrozenDict


def test_freezing_stops_at_32_levels():
    value = {}
    for _ in range(32):
        value = {"a": value}
    freeze(value)
    with pytest.raises(StrictJsonError, match=r"^nested too deeply$"):
        freeze({"a": value})
