"""What a web site answers to a login, the same in each framework."""

from __future__ import annotations

import logging

import pytest

from tests.unit.adapters.web.conftest import PASSWORD, Get, basic, encoded

BASIC = 'Basic realm="mail", charset="UTF-8"'
BEARER = 'Bearer realm="mail"'
WRONG = "sésame"


def test_the_right_password_lets_in(kind: str, get: Get) -> None:
    answer = get(kind, basic("jsmith"))
    assert (answer.status_code, answer.text) == (200, "jsmith")
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("scheme", ["basic ", "BASIC ", "Basic   "])
def test_a_scheme_is_read_in_any_case_and_with_blanks(kind: str, get: Get, scheme: str) -> None:
    value = basic("jsmith").removeprefix("Basic ")
    assert get(kind, f"{scheme}{value}").text == "jsmith"


def test_a_token_lets_in(kind: str, get: Get, token: str) -> None:
    assert get(kind, f"bearer {token}").text == "jsmith"


def test_who_sends_nothing_is_told_the_schemes(kind: str, get: Get) -> None:
    answer = get(kind)
    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate") == [BASIC, BEARER]
    assert answer.headers["cache-control"] == "no-store"
    answer = get(kind, service="passwords")
    assert answer.headers.get_list("www-authenticate") == [BASIC]


@pytest.mark.parametrize("name", ["jsmith", "unknown", "", "jsmith' --", "*", "josé"])
def test_wrong_and_unknown_are_answered_alike(kind: str, get: Get, name: str) -> None:
    answer = get(kind, basic(name, WRONG))
    assert answer.status_code == 401
    assert "Authentication failed" in answer.text
    assert answer.headers.get_list("www-authenticate") == [BASIC, BEARER]


def test_a_token_that_is_refused_is_called_invalid(kind: str, get: Get, token: str) -> None:
    head, _, signature = token.rpartition(".")
    answer = get(kind, f"Bearer {head}.{signature[::-1]}")
    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate") == [
        BASIC,
        f'{BEARER}, error="invalid_token"',
    ]
    # Nor is it good for a service that knows no tokens.
    answer = get(kind, f"Bearer {token}", service="passwords")
    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate") == [BASIC]


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("locked", 403, "This account may not be used"),
        ("expired", 403, "The password has expired and must be changed"),
        ("outage", 503, "Temporary authentication failure"),
    ],
)
def test_the_other_outcomes(kind: str, get: Get, name: str, status: int, text: str) -> None:
    answer = get(kind, basic(name))
    assert answer.status_code == status
    assert text in answer.text
    assert "www-authenticate" not in answer.headers
    assert answer.headers.get("retry-after") == ("30" if status == 503 else None)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("values", [(), (basic("jsmith"),)], ids=["nothing", "a password"])
@pytest.mark.parametrize("service", ["broken", "no-such-service"])
def test_a_service_that_cannot_be_used_is_unavailable(
    kind: str, get: Get, service: str, values: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    answer = get(kind, *values, service=service)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "30"
    assert "www-authenticate" not in answer.headers
    assert PASSWORD not in caplog.text
    for detail in (service, "pam_", "/"):
        assert detail not in answer.text


@pytest.mark.parametrize(
    "value",
    [
        "Basic",
        "Basic !!!!",
        "Basic anNtaXRo",
        f"Basic {encoded(b'jsmith' + b':' + PASSWORD.encode())[:-1]}",
        f"Basic {encoded(f'jsmith:{PASSWORD}'.encode('latin-1'))}",
        f"Basic {encoded(f'jsmith:{PASSWORD}'.encode('utf-16'))}",
        f"Basic {encoded(f'jsmith:{PASSWORD}'.encode())} more",
        f"Basic\t{encoded(f'jsmith:{PASSWORD}'.encode())}",
        f"Basic{encoded(f'jsmith:{PASSWORD}'.encode())}",
        f"Basic {encoded(f'jsmith:{PASSWORD}'.encode())}, Basic bm86bm8=",
        f"Basic {encoded(f'jsmith:{PASSWORD}'.encode() + bytes(1))}",
        f"Basic {encoded(bytes(1) + f'jsmith:{PASSWORD}'.encode())}",
        f"Basic {encoded(b'jsmith' + bytes(1) + b':' + PASSWORD.encode())}",
        f"Digest {encoded(f'jsmith:{PASSWORD}'.encode())}",
        f"Basic {'A' * 10_000}",
        f"Basic {encoded(b'jsmith:' + b'a' * 6000)}",
        "Bearer",
        "Bearer a b",
        "Bearer =",
        "Negotiate",
        "é".encode("latin-1"),
        b"Basic \xff\xfe",
    ],
)
def test_what_cannot_be_read_lets_no_user_in(kind: str, get: Get, value: str | bytes) -> None:
    answer = get(kind, value)
    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate")[0] == BASIC


def test_two_headers_are_as_good_as_none(kind: str, get: Get) -> None:
    right = basic("jsmith")
    for values in ((right, basic("boss")), (right, right), (right, "Bearer x")):
        assert get(kind, *values).status_code == 401


def test_without_tls_no_password_is_asked_for_or_taken(kind: str, get: Get, token: str) -> None:
    for values in ((), (basic("jsmith"),), (basic("jsmith", WRONG),), (f"Bearer {token}",)):
        answer = get(kind, *values, tls=False)
        assert answer.status_code == 403
        assert "Only under TLS" in answer.text
        assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("values", [(), (basic("jsmith"),), (basic("jsmith", WRONG),)])
def test_a_service_that_takes_no_password_takes_none_here(
    kind: str, get: Get, values: tuple[str, ...]
) -> None:
    answer = get(kind, *values, service="proving")
    assert answer.status_code == 503
    assert "No user can authenticate now" in answer.text
    assert answer.headers["retry-after"] == "30"


def test_the_log_says_who_came_from_where_and_no_password(
    kind: str, get: Get, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "ualauth"):
        get(kind, basic("jsmith", WRONG))
        get(kind, basic("jsmith"))
        get(kind, f"Bearer {token}")
        get(kind, f"Basic {encoded(PASSWORD.encode('latin-1'))}")
    assert "refused wrong_password: operation=authenticate code=auth_err" in caplog.text
    assert "user='jsmith'" in caplog.text
    assert "rhost=127.0.0.1\n" in caplog.text
    assert "ual.remote: granted: operation=acct_mgmt code=success" in caplog.text
    assert "a header Authorization cannot be read: no base64 of UTF-8" in caplog.text
    for secret in (WRONG, PASSWORD, token, "pencil"):
        assert secret not in caplog.text
