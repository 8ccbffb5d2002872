"""What libkrb5's trace tells of KDCs, and which of them comes first then."""

from __future__ import annotations

import pytest

from ualauth.kerberos.kdc_order import KdcOrder


def order_after(*lines: str) -> KdcOrder:
    order = KdcOrder()
    listener = order.listener()
    for line in lines:
        listener.tell(f"[1] 1795982412.002798: {line}\n")
    return order


SENDING = "Sending request (178 bytes) to A.TEST"


def test_the_first_that_answers_needs_no_other_order() -> None:
    order = order_after(
        SENDING,
        "Sending initial UDP request to dgram 192.0.2.1:88",
        "Received answer (222 bytes) from dgram 192.0.2.1:88",
    )
    assert order.text() == ""
    assert not order.is_unknown


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("192.0.2.2:88", "192.0.2.2:88"),
        ("2001:db8::2:88", "[2001:db8::2]:88"),
        ("::1:8888", "[::1]:8888"),
    ],
)
def test_the_one_that_answers_comes_first(address: str, written: str) -> None:
    order = order_after(
        SENDING,
        "Sending initial UDP request to dgram 192.0.2.1:88",
        f"Sending initial UDP request to dgram {address}",
        f"Received answer (222 bytes) from dgram {address}",
    )
    assert order.text() == f"[realms]\n  A.TEST = {{\n    kdc = {written}\n  }}\n"
    order.forget()
    assert order.text() == ""
    assert order.is_unknown


def test_one_that_answers_by_tcp_alone_is_asked_by_tcp_first() -> None:
    order = order_after(
        SENDING,
        "Sending initial UDP request to dgram 192.0.2.1:88",
        "Initiating TCP connection to stream 192.0.2.1:88",
        "Sending TCP request to stream 192.0.2.1:88",
        "Received answer (222 bytes) from stream 192.0.2.1:88",
    )
    assert "udp_preference_limit = 1\n" in order.text()
    assert "kdc = 192.0.2.1:88\n" in order.text()


def test_an_answer_that_was_too_long_for_udp_changes_nothing() -> None:
    order = order_after(
        SENDING,
        "Sending initial UDP request to dgram 192.0.2.1:88",
        "Received answer (222 bytes) from dgram 192.0.2.1:88",
        "Request or response is too big for UDP; retrying with TCP",
        "Sending tcp-only request (178 bytes) to A.TEST",
        "Initiating TCP connection to stream 192.0.2.1:88",
        "Sending TCP request to stream 192.0.2.1:88",
        "Received answer (222 bytes) from stream 192.0.2.1:88",
    )
    assert order.text() == ""


@pytest.mark.parametrize(
    "lines",
    [
        # The primary's say about a wrong password.
        (
            "Sending request (178 bytes) to A.TEST (primary)",
            "Sending initial UDP request to dgram 192.0.2.1:88",
            "Sending initial UDP request to dgram 192.0.2.2:88",
            "Received answer (222 bytes) from dgram 192.0.2.2:88",
        ),
        # A proxy asks the KDCs itself (MS-KKDCP).
        (
            SENDING,
            "Sending initial UDP request to dgram 192.0.2.1:88",
            "Sending HTTPS request to https 192.0.2.2:443",
            "Received answer (222 bytes) from https 192.0.2.2:443",
        ),
        # A realm whose name is no word of krb5.conf.
        (
            "Sending request (178 bytes) to A}\\nB",
            "Sending initial UDP request to dgram 192.0.2.1:88",
            "Sending initial UDP request to dgram 192.0.2.2:88",
            "Received answer (222 bytes) from dgram 192.0.2.2:88",
        ),
        ("Received answer (222 bytes) from dgram 192.0.2.2:88",),
    ],
)
def test_other_answers_change_no_order(lines: tuple[str, ...]) -> None:
    assert order_after(*lines).text() == ""


def test_realms_have_an_order_each() -> None:
    order = KdcOrder()
    for realm in ("A.TEST", "B.TEST"):
        listener = order.listener()
        for line in (
            f"Sending request (178 bytes) to {realm}",
            "Sending initial UDP request to dgram 192.0.2.1:88",
            f"Sending initial UDP request to dgram 192.0.2.2:{len(order.text()) + 1}",
            f"Received answer (222 bytes) from dgram 192.0.2.2:{len(order.text()) + 1}",
        ):
            listener.tell(line)
    assert order.text().count("kdc = ") == 2
    assert order.version == 2
