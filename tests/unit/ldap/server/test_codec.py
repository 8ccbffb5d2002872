"""The codec beside asn1tools: what one writes, the other reads; and what no message is."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import rounds
from tests.unit.ldap.server import codec
from ualauth.ldap.server import filters as f
from ualauth.ldap.server import messages as m
from ualauth.ldap.server.ber import Malformed, frame, length_of
from ualauth.ldap.server.results import ResultCode

_name = st.sampled_from(["cn", "mail", "sn;lang-de", "2.5.4.3", "objectClass"])
_octets = st.binary(max_size=300)
_pair = st.tuples(_name, _octets)


def _substrings() -> Any:
    return st.tuples(
        _name, st.none() | _octets, st.lists(_octets, max_size=3), st.none() | _octets
    ).filter(lambda each: each[1] is not None or each[2] or each[3] is not None)


_leaf = st.one_of(
    _name.map(f.Present),
    _pair.map(lambda pair: f.Equality(*pair)),
    _pair.map(lambda pair: f.AtLeast(*pair)),
    _pair.map(lambda pair: f.AtMost(*pair)),
    _substrings().map(lambda each: f.Substrings(each[0], each[1], tuple(each[2]), each[3])),
)
_filter = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda each: f.And(tuple(each))),
        st.lists(inner, max_size=4).map(lambda each: f.Or(tuple(each))),
        inner.map(f.Not),
    ),
    max_leaves=12,
)


def _as_choice(wanted: f.Filter) -> Any:
    match wanted:
        case f.And(items):
            return "and", [_as_choice(each) for each in items]
        case f.Or(items):
            return "or", [_as_choice(each) for each in items]
        case f.Not(item):
            return "not", _as_choice(item)
        case f.Present(attribute):
            return "present", attribute.encode()
        case f.Substrings(attribute, initial, middle, final):
            parts = [("initial", initial)] if initial is not None else []
            parts += [("any", each) for each in middle]
            parts += [("final", final)] if final is not None else []
            return "substrings", {"type": attribute.encode(), "substrings": parts}
    kinds = {f.Equality: "equalityMatch", f.AtLeast: "greaterOrEqual", f.AtMost: "lessOrEqual"}
    pair = {"attributeDesc": wanted.attribute.encode(), "assertionValue": wanted.value}
    return kinds[type(wanted)], pair  # type: ignore[index]


@given(_filter, st.integers(1, 2**31 - 1))
@settings(max_examples=rounds(100), deadline=None)
def test_a_search_that_asn1tools_writes_is_read(wanted: f.Filter, number: int) -> None:
    data = codec.encode(number, "searchRequest", codec.search(_as_choice(wanted)))
    assert frame(data, 1 << 20) == len(data)
    message = m.decode(data)
    assert message.number == number
    assert isinstance(message.request, m.Search)
    assert message.request.filter == wanted
    assert message.request.base == "dc=example,dc=com"


REQUESTS = [
    (
        "bindRequest",
        {"version": 3, "name": b"uid=jane", "authentication": ("simple", b"secret")},
        m.Bind(3, "uid=jane", b"secret", "", None),
    ),
    (
        "bindRequest",
        {
            "version": 3,
            "name": b"",
            "authentication": ("sasl", {"mechanism": b"PLAIN", "credentials": b"\0jane\0x"}),
        },
        m.Bind(3, "", b"", "PLAIN", b"\0jane\0x"),
    ),
    (
        "bindRequest",
        {"version": 3, "name": b"", "authentication": ("sasl", {"mechanism": b"GSSAPI"})},
        m.Bind(3, "", b"", "GSSAPI", None),
    ),
    ("unbindRequest", None, m.Unbind()),
    ("abandonRequest", 300, m.Abandon(300)),
    ("delRequest", b"uid=jane,dc=example", m.Delete("uid=jane,dc=example")),
    (
        "compareRequest",
        {"entry": b"uid=jane", "ava": {"attributeDesc": b"cn", "assertionValue": b"Jane"}},
        m.Compare("uid=jane", "cn", b"Jane"),
    ),
    (
        "addRequest",
        {"entry": b"uid=jane", "attributes": [{"type": b"sn", "vals": [b"Doe"]}]},
        m.Add("uid=jane", (("sn", (b"Doe",)),)),
    ),
    (
        "modifyRequest",
        {
            "object": b"uid=jane",
            "changes": [
                {"operation": "replace", "modification": {"type": b"sn", "vals": [b"Doe"]}},
                {"operation": "delete", "modification": {"type": b"mail", "vals": []}},
            ],
        },
        m.Modify("uid=jane", (m.Change(2, "sn", (b"Doe",)), m.Change(1, "mail", ()))),
    ),
    (
        "modDNRequest",
        {"entry": b"uid=a", "newrdn": b"uid=b", "deleteoldrdn": True, "newSuperior": b"ou=ny"},
        m.ModifyName("uid=a", "uid=b", True, "ou=ny"),
    ),
    (
        "modDNRequest",
        {"entry": b"uid=a", "newrdn": b"uid=b", "deleteoldrdn": False},
        m.ModifyName("uid=a", "uid=b", False, None),
    ),
    (
        "extendedReq",
        {"requestName": b"1.2.3", "requestValue": b"\0"},
        m.Extended("1.2.3", b"\0"),
    ),
    ("extendedReq", {"requestName": b"1.2.3"}, m.Extended("1.2.3", None)),
]


@pytest.mark.parametrize(("kind", "value", "request_"), REQUESTS)
def test_a_request_that_asn1tools_writes_is_read(
    kind: str, value: Any, request_: m.Request
) -> None:
    controls: list[dict[str, Any]] = [
        {"controlType": b"1.2.3.4", "criticality": True, "controlValue": b"x"},
        {"controlType": b"1.2.3.5"},
    ]
    message = m.decode(codec.encode(5, kind, value, controls))
    assert message[:2] == (5, request_)
    assert message.controls == (
        m.Control("1.2.3.4", True, b"x"),
        m.Control("1.2.3.5", False, None),
    )


@given(
    st.text(max_size=50),
    st.lists(st.tuples(_name, st.lists(_octets, max_size=3)), max_size=5),
)
@settings(max_examples=rounds(100), deadline=None)
def test_an_entry_is_read_by_asn1tools(
    name: str, attributes: list[tuple[str, list[bytes]]]
) -> None:
    number, kind, value, _ = codec.decode(m.encode_entry(7, name, attributes))
    assert (number, kind) == (7, "searchResEntry")
    assert value["objectName"] == name.encode()
    assert value["attributes"] == [
        {"type": key.encode(), "vals": values} for key, values in attributes
    ]


def test_results_are_read_by_asn1tools() -> None:
    control = m.Control("1.2.3", False, b"x")
    result = m.Result(ResultCode.NO_SUCH_OBJECT, "ü", "dc=example", (control,))
    _, kind, value, controls = codec.decode(m.encode_result(9, m.SEARCH_DONE, result))
    assert kind == "searchResDone"
    assert value["resultCode"] == "c32"
    assert value["diagnosticMessage"] == "ü".encode()
    assert controls[0]["controlValue"] == b"x"
    notice = codec.decode(m.notice_of_disconnection(ResultCode.BUSY, "x"))
    assert notice[0] == 0
    assert notice[2]["responseName"] == b"1.3.6.1.4.1.1466.20036"


def _with_long_lengths(data: bytes) -> bytes:
    """Write all lengths in four octets, as Windows does."""
    parts, position = [], 0
    while position < len(data):
        tag, length, begin = data[position], data[position + 1], position + 2
        if length >= 0x80:
            count = length - 0x80
            length = int.from_bytes(data[begin : begin + count], "big")
            begin += count
        content = data[begin : begin + length]
        if tag & 0x20:
            content = _with_long_lengths(content)
        parts.append(bytes((tag, 0x84)) + len(content).to_bytes(4, "big") + content)
        position = begin + length
    return b"".join(parts)


@pytest.mark.parametrize(("kind", "value", "request_"), REQUESTS)
def test_lengths_in_four_octets_are_read(kind: str, value: Any, request_: m.Request) -> None:
    data = _with_long_lengths(codec.encode(5, kind, value))
    assert frame(data, 1 << 20) == len(data)
    assert m.decode(data).request == request_


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_a_length_is_as_short_as_it_can_be(length: int) -> None:
    octets = length_of(length)
    assert frame(b"\x30" + octets + bytes(length), 1 << 20) == 1 + len(octets) + length


@pytest.mark.parametrize(
    "data",
    [
        b"\x31\x00",  # no sequence
        b"GET / HTTP/1.1",
        b"\x30\x80\x02\x01\x01",  # an indefinite length
        b"\x30\x85\x00\x00\x00\x00\x05",  # five octets
        b"\x30\x84\x7f\xff\xff\xff",  # 2 GiB
        b"\x30\x83\x01\x00\x01",  # more than is taken
    ],
)
def test_what_begins_no_message_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(Malformed):
        frame(data, 65_536)


@pytest.mark.parametrize("count", range(6))
def test_a_header_in_pieces_is_waited_for(count: int) -> None:
    assert frame(b"\x30\x84\x00\x00\x00\x05\x02\x01\x01\x42\x00"[:count], 1 << 16) == 0


def _nested(levels: int, tag: int) -> bytes:
    inner = b"\x87\x02cn"
    for _ in range(levels):
        inner = bytes((tag,)) + length_of(len(inner)) + inner
    return inner


def _search_with(wanted: bytes) -> bytes:
    data = codec.encode(1, "searchRequest", codec.search(("present", b"cn")))
    body = data.replace(b"\x87\x02cn", wanted)
    begin = body.index(b"\x63")
    operation = body[begin + 2 :]
    operation = b"\x63" + length_of(len(operation)) + operation
    content = b"\x02\x01\x01" + operation
    return b"\x30" + length_of(len(content)) + content


@pytest.mark.parametrize("tag", [0xA0, 0xA1, 0xA2])
@pytest.mark.parametrize("levels", [f.MOST_LEVELS, 1_000, 10_000])
def test_a_deep_filter_is_too_complex(tag: int, levels: int) -> None:
    assert isinstance(m.decode(_search_with(_nested(levels, tag))).request, m.TooComplex)


@pytest.mark.parametrize("tag", [0xA0, 0xA1, 0xA2])
def test_a_filter_of_some_levels_is_read(tag: int) -> None:
    request = m.decode(_search_with(_nested(f.MOST_LEVELS - 1, tag))).request
    assert isinstance(request, m.Search)


def test_a_filter_of_many_items_is_too_complex() -> None:
    items = b"\x87\x02cn" * (f.MOST_ITEMS + 1)
    wanted = b"\xa1" + length_of(len(items)) + items
    assert isinstance(m.decode(_search_with(wanted)).request, m.TooComplex)


def test_a_negation_of_two_is_malformed() -> None:
    with pytest.raises(Malformed):
        m.decode(_search_with(b"\xa2\x08\x87\x02cn\x87\x02sn"))


@pytest.mark.parametrize(("kind", "value", "request_"), REQUESTS)
def test_what_is_cut_or_damaged_is_a_message_or_malformed(
    kind: str, value: Any, request_: m.Request
) -> None:
    message = codec.encode(5, kind, value, [{"controlType": b"1.2.3", "controlValue": b"x"}])
    chance = random.Random(f"{kind}{request_!r}")
    for _ in range(rounds(200)):
        data = bytearray(message)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        del data[chance.randint(1, len(data)) :]
        try:
            length = frame(data, 65_536)
            if length:
                m.decode(bytes(data[:length]))
        except Malformed as error:
            assert error.args[0].isascii()  # noqa: PT017 - whatever it is


def test_secrets_are_not_shown() -> None:
    bind = m.Bind(3, "jane", b"hunter2", "", None)
    assert "hunter2" not in repr(bind)
    assert "hunter2" not in repr(m.Extended("1.2", b"hunter2"))
