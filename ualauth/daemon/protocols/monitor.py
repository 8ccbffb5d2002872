"""`monitor`: health and metrics of the daemon by HTTP, for Prometheus and for load balancers.

    GET /health     200 if all workers answer, else 503
    GET /metrics    the text format of Prometheus, version 0.0.4

Counts of logins are those of each worker since it started; one that is replaced begins at 0.
Nothing of it names a user.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ualauth.daemon.protocols.http import HttpProtocol, HttpRequest
from ualauth.daemon.requests import Answer, Report, Status, Tag

_GAUGES: Mapping[str, tuple[str, str]] = {
    "connections": ("connections", "Clients that are connected."),
    "requests": ("requests", "Requests that are being answered."),
    "hashes_waiting": ("hashes_waiting", "Hashes that are computed, or wait to be."),
    "logins_not_taken": ("logins_not_taken", "Logins that a mail process has not asked for."),
}
"""Key of a worker's status -> name and help of the metric."""
_TEXT = ("Content-Type", "text/plain; charset=utf-8")
_METRICS = ("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
_PATHS = ("/health", "/metrics")

Worker = Mapping[str, Any]


class Monitor(HttpProtocol):
    """A connection of Prometheus, or of a load balancer."""

    name: ClassVar[str] = "monitor"
    # It tells no secret, and does nothing.
    needs_secret: ClassVar[bool] = False

    _path = ""
    """Of the request that is answered next."""

    def handle(self, number: int, request: HttpRequest) -> None:
        """See `HttpProtocol.handle`."""
        self._path = request.target.partition("?")[0]
        if request.method not in {"GET", "HEAD"}:
            self.respond(405, [_TEXT, ("Allow", "GET, HEAD")], "Only GET and HEAD")
        elif self._path not in _PATHS:
            self.respond(404, [_TEXT], "There are /health and /metrics")
        else:
            self.ask(number, Status())

    def answered(self, tag: Tag, answer: Answer) -> None:  # noqa: ARG002 - one at a time
        """See `Protocol.answer`."""
        match answer:
            case Report(list(workers)) if workers and self._path == "/metrics":
                self.respond(200, [_METRICS], "\n".join(_metrics(workers)))
            case Report(list(workers)) if workers:
                missing = workers[0]["workers"] - len(workers)
                if missing:
                    self.respond(503, [_TEXT], f"{missing} workers do not answer")
                else:
                    self.respond(200, [_TEXT], "ok")
            case _:
                self.respond_not_now()
        self.go_on()

    def respond_not_now(self) -> None:
        """See `HttpProtocol.respond_not_now`."""
        self.respond(503, [_TEXT], "The daemon cannot say")


def _metrics(workers: Sequence[Worker]) -> Iterator[str]:
    yield from _family("workers", "gauge", "Workers that there are to be.")
    yield f"ualauth_serve_workers {workers[0]['workers']}"
    yield from _family("workers_up", "gauge", "Workers that answer.")
    yield f"ualauth_serve_workers_up {len(workers)}"
    for key, (name, text) in _GAUGES.items():
        yield from _family(name, "gauge", text)
        for each in workers:
            yield _sample(name, each[key], worker=each["worker"])
    yield from _family("logins_total", "counter", "Logins that ended, by how.")
    for each in workers:
        for protocol, outcome, number in each["logins"]:
            labels = {"worker": each["worker"], "protocol": protocol, "outcome": outcome}
            yield _sample("logins_total", number, **labels)
    yield from _family("server_up", "gauge", "Whether a directory answered the last time.")
    for each in workers:
        for server, is_up in sorted(each["servers"].items()):
            yield _sample("server_up", int(is_up), worker=each["worker"], server=server)


def _family(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP ualauth_serve_{name} {text}"
    yield f"# TYPE ualauth_serve_{name} {kind}"


def _sample(name: str, number: int, **labels: object) -> str:
    told = ",".join(f'{label}="{_escaped(str(value))}"' for label, value in labels.items())
    return f"ualauth_serve_{name}{{{told}}} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
