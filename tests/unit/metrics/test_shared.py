"""Processes that share their counts (`PROMETHEUS_MULTIPROC_DIR`)."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.unit.metrics.conftest import read
from ualauth.testing.folder import ConfigFolder

SHARING = """
    import os, sys
    from prometheus_client import CollectorRegistry, generate_latest
    from ualauth import Authenticator
    from ualauth.errors import AuthenticationError
    from ualauth.metrics import Metrics

    metrics = Metrics(CollectorRegistry())
    authenticator = Authenticator(sys.argv[1], observers=[metrics])
    children = []
    for worker in range(3):
        child = os.fork()
        if not child:
            for _ in range(2):
                authenticator.authenticate("mail", "jsmith", "s3cret")
            try:
                authenticator.authenticate("mail", f"stranger-{worker}", "wrong")
            except AuthenticationError:
                pass
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    sys.stdout.write(generate_latest(metrics.exposed).decode())
    """


def test_processes_share_their_counts(people: ConfigFolder, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(shared)}
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SHARING), str(people.path)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    samples = read(ended.stdout)
    logins = {
        dict(labels)["outcome"]: value
        for (name, labels), value in samples.items()
        if name == "ualauth_logins_total"
    }
    assert logins == {"granted": 6.0, "refused": 3.0}
    assert samples["ualauth_login_seconds_count", ()] == 9.0
    assert not samples.get(("ualauth_hashes_in_progress", ()))
    assert any(name == "ualauth_build_info" for name, _ in samples)
