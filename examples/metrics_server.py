"""Show metrics to Prometheus beside the logins of a server.

usage: .venv/bin/python examples/metrics_server.py demo

`demo` is the folder that `make demo` makes. The page is read once, and printed in part; a server
at work listens on a port that Prometheus knows, such as 9464.
"""

from __future__ import annotations

import sys
import urllib.request

from prometheus_client import CollectorRegistry, start_http_server

from ualauth import AuthenticationError, Authenticator
from ualauth.metrics import Metrics

PASSWORD = "correct horse"


def main(folder: str) -> None:
    """Log in some users, and read what was counted."""
    # A server has one for all that it counts: `prometheus_client.REGISTRY`, the default.
    metrics = Metrics(CollectorRegistry())
    server, thread = start_http_server(0, "127.0.0.1", registry=metrics.exposed)
    with Authenticator(folder, observers=[metrics]) as auth:
        for user, password in (
            ("jsmith", PASSWORD),
            ("jsmith", PASSWORD),
            ("jsmith", "wrong"),
            ("locked", PASSWORD),
        ):
            try:
                auth.authenticate("pop3", user, password, rhost="192.0.2.7", tls=True)
            except AuthenticationError as error:
                print(f"{user}: {error}")
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as page:
        for line in page.read().decode().splitlines():
            if line.startswith("ualauth_logins_total"):
                print(line)
    server.shutdown()
    server.server_close()
    thread.join()


if __name__ == "__main__":
    main(sys.argv[1])
