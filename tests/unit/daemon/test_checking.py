"""`ualauth check` sees what would keep the daemon down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ualauth.config.config import Config
from ualauth.daemon.checking import problems_of_sockets
from ualauth.testing.folder import ConfigFolder


def told(folder: ConfigFolder, table: str) -> Iterator[str]:
    folder.settings(f"# the first line\n[[listen]]\n{table}\n")
    config = Config.load(folder.path)
    for problem in problems_of_sockets(config, lambda name: name == "imap"):
        assert problem.cure
        yield f"{problem.source.line}: {problem.text}; {problem.cure}"


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ('protocol = "saslauthd"\npath = "/x"', ""),
        ('protocol = "saslauthd"\npath = "/x"\nservice = "imap"\nowner = "root"', ""),
        ('protocol = "saslautd"\npath = "/x"', "did you mean 'saslauthd'?"),
        ('protocol = "saslauthd"\npath = "/x"\ntempfail = "x"', "unknown key 'tempfail'"),
        ('protocol = "saslauthd"\npath = "/x"\nowner = "no-such"', "owner: this host has no user"),
        ('protocol = "saslauthd"\npath = "/x"\npeers = ["no-such"]', "peers: this host has no"),
        ('protocol = "saslauthd"\npath = "/x"\ngroup = "no-such"', "group: this host has no group"),
        ('protocol = "saslauthd"\npath = "/x"\nservice = "pop"', "there is no service file 'pop'"),
        ('protocol = "saslauthd"\npath = "/x"\nservice = "a/b"', "[[listen]] service: "),
        (
            'protocol = "saslauthd"\naddress = "192.0.2.7:1"\ncertificate = "/no"\nkey = "/no"',
            "certificate and key cannot be used: No such file or directory",
        ),
        (
            'protocol = "saslauthd"\npath = "/x"\nsecret_file = "/no/such"',
            "secret_file means nothing to saslauthd; remove it",
        ),
    ],
)
def test_problems(folder: ConfigFolder, table: str, text: str) -> None:
    problems = list(told(folder, table))
    assert len(problems) == bool(text)
    assert all(text in each and each.startswith("2: ") for each in problems)
