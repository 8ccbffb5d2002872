"""`monitor`: what Prometheus and a load balancer are told."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.daemon.driven import Driven
from ualauth.daemon.requests import Answer, Failed, Report, Status
from ualauth.errors import StoreError

ODD = 'ldap://a"b\\c\nd'


def worker(number: int, **more: Any) -> dict[str, Any]:
    return {
        "pid": 70 + number,
        "worker": number,
        "workers": 2,
        "connections": 3,
        "requests": 2,
        "logins_not_taken": 1,
        "hashes_waiting": 4,
        "logins": [["dovecot-auth", "granted", 9], ["saslauthd", "refused", 5]],
        "servers": {"ldaps://one": True, ODD: False},
        "sockets": {},
        **more,
    }


def asked(path: str, answer: Answer, method: str = "GET") -> tuple[int, dict[str, str], str]:
    client = Driven("monitor", address="127.0.0.1:9464")
    said = client.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    if not said:
        assert isinstance(client.last, Status)
        said = client.answer(answer)
    assert not client.closes
    head, _, body = said.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert int(headers["content-length"]) == len(body.encode()) or method == "HEAD"
    return int(first.split()[1]), headers, body


def test_health() -> None:
    all_of_them = Report([worker(0), worker(1)])
    assert asked("/health", all_of_them)[::2] == (200, "ok\n")
    assert asked("/health?x=1", all_of_them)[0] == 200
    assert asked("/health", Report([worker(1)]))[::2] == (503, "1 workers do not answer\n")


@pytest.mark.parametrize("path", ["/health", "/metrics"])
@pytest.mark.parametrize(
    "answer", [Failed(StoreError("?")), Failed(ValueError()), Report([]), Report("?")]
)
def test_daemon_that_cannot_say_is_not_well(path: str, answer: Answer) -> None:
    assert asked(path, answer)[0] == 503


def test_metrics_are_what_prometheus_reads() -> None:
    status, headers, body = asked("/metrics", Report([worker(0), worker(1, connections=0)]))
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }
    prefix = "ualauth_serve"
    assert samples[f"{prefix}_workers",] == samples[f"{prefix}_workers_up",] == 2
    assert samples[f"{prefix}_connections", ("worker", "0")] == 3
    assert samples[f"{prefix}_connections", ("worker", "1")] == 0
    assert samples[f"{prefix}_hashes_waiting", ("worker", "1")] == 4
    granted = ("outcome", "granted"), ("protocol", "dovecot-auth"), ("worker", "1")
    assert samples[f"{prefix}_logins_total", *granted] == 9
    assert samples[f"{prefix}_server_up", ("server", "ldaps://one"), ("worker", "0")] == 1
    assert samples[f"{prefix}_server_up", ("server", ODD), ("worker", "0")] == 0


def test_other_requests() -> None:
    assert asked("/", Report([]))[0] == 404
    assert asked("/metricsx", Report([]))[0] == 404
    assert asked("/metrics", Report([]), "POST")[0] == 405
    status, _, body = asked("/health", Report([worker(0), worker(1)]), "HEAD")
    assert (status, body) == (200, "")


def test_secret_is_asked_for_where_there_is_one() -> None:
    client = Driven("monitor", secret=b"key", address="127.0.0.1:9464", secret_file="/x")
    assert client.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 403")
    assert not client.requests
