"""The pictures of the architecture are those of the code."""

from __future__ import annotations

import itertools

import pytest

from tests.docs.pictures import (
    PAGE,
    Call,
    arrows,
    below,
    drawn,
    layers,
    login_picture,
    pictures,
    reduced,
)


def test_pictures_are_those_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert drawn(page, pictures()) == page, "run: .venv/bin/python -m tests.docs.pictures"


def test_every_room_has_its_layer_and_imports_what_is_below_it() -> None:
    rows = {room: row for row, rooms in enumerate(layers()) for room in rooms}
    assert rows.keys() == arrows().keys()
    for room, targets in arrows().items():
        assert not [target for target in targets if rows[target] <= rows[room]], room


def test_what_is_left_out_is_said_by_a_longer_way() -> None:
    few = reduced(arrows())
    assert {room: below(room, few) for room in few} == {room: below(room, arrows()) for room in few}
    assert sum(map(len, few.values())) < sum(map(len, arrows().values()))


def test_an_arrow_that_says_nothing_new_is_left_out() -> None:
    few = reduced({"a": {"b", "c"}, "b": {"c"}, "c": set()})
    assert few == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_a_login_is_drawn_from_room_to_room() -> None:
    calls = [
        Call("application", "aio.py", "AsyncAuthenticator.authenticate"),
        Call("aio", "aio.py", "AsyncAuthenticator._drive"),
        Call("aio", "runtime/login.py", "login"),
        Call("aio", "runtime/login.py", "login"),
        Call("aio", "runtime/login.py", "identity_of"),
    ]
    picture = login_picture(calls, each=lambda call: call).splitlines()
    assert picture[5:-1] == [
        "    application ->> aio: authenticate",
        "    aio ->> runtime: login: login",
        "    aio ->> runtime: login: identity_of",
    ]
    assert login_picture(calls, each=lambda call: call.file).splitlines()[5:-1] == picture[5:7]


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(LookupError, match="stands there 0 times"):
        drawn("nothing", {"rooms": "x"})


def test_every_picture_is_in_one_place() -> None:
    names = list(itertools.chain(*layers()))
    assert len(names) == len(set(names))
