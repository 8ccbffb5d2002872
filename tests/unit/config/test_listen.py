"""`[[listen]]` of ualauth.toml: what is taken, and every mistake with its line and cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from ualauth.config.config import Config
from ualauth.config.listen import ListenSettings
from ualauth.errors import ConfigurationError

HEAD = "# comment\n[stack]\ntimeout = 5.0\n\n"


def load(folder: Path, text: str) -> Config:
    (folder / "ualauth.toml").write_text(text, encoding="utf-8")
    return Config.load(folder)


def test_sockets_are_read(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        HEAD
        + """
[[listen]]
protocol = "dovecot-auth"
path = "/run/ualauth/dovecot-auth"
mode = "0666"
owner = "root"
group = "postfix"
tempfail = "fail"
service = {smtp = "submission"}
peers = ["dovecot", "1001"]

[[listen]]
protocol = "saslauthd"
address = "[::1]:24001"
service = "imap"
""",
    )
    first, second = config.listen
    assert (first.protocol, first.place, first.mode) == (
        "dovecot-auth",
        "/run/ualauth/dovecot-auth",
        "0666",
    )
    assert (first.owner, first.group, first.peers) == ("root", "postfix", ("dovecot", "1001"))
    assert first.own == {"tempfail": "fail"}
    assert [first.service_of(name) for name in ("smtp", "imap")] == ["submission", "imap"]
    assert second.host_and_port == ("::1", 24001)
    assert second.service_of("smtp") == "imap"
    assert (first.line, second.line) == (6, 16)
    assert Config(tmp_path).listen == ()
    assert ListenSettings().service_of("smtp") == "smtpd.auth"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ('protocol = "x"', 5, "path or address must be there, and not both"),
        ('protocol = "x"\npath = "/x"\naddress = "127.0.0.1:1"', 7, "path or address must be"),
        ('path = "/x"', 5, "protocol must name one"),
        ('protocol = 1\npath = "/x"', 6, "protocol must be of type str"),
        ('protocol = "x"\npath = "run/x"', 7, "path must begin with a slash"),
        ('protocol = "x"\npath = "/%s"' % ("x" * 107), 7, "path must have 107 bytes or less"),
        ('protocol = "x"\npath = "/x\\u0000"', 7, "path must begin"),
        ('protocol = "x"\npath = "/x"\nmode = "rw"', 8, "mode must be three octal digits"),
        ('protocol = "x"\npath = "/x"\nmode = "0880"', 8, "mode must be three octal digits"),
        ('protocol = "x"\npath = "/x"\nmode = 0o660', 8, "mode must be of type str"),
        ('protocol = "x"\npath = "/x"\nkey = "/k"', 5, "certificate is for an address"),
        ('protocol = "x"\naddress = "127.0.0.1"', 7, "address must be an IP address and a port"),
        ('protocol = "x"\naddress = "localhost:1"', 7, "address must be an IP address"),
        ('protocol = "x"\naddress = "::1:24001"', 7, "address must be an IP address"),
        ('protocol = "x"\naddress = "127.0.0.1:65536"', 7, "address must be an IP address"),
        ('protocol = "x"\naddress = "127.0.0.1:-1"', 7, "address must be an IP address"),
        ('protocol = "x"\naddress = "[127.0.0.1]:1"', 7, "address must be an IP address"),
        ('protocol = "x"\naddress = "192.0.2.7:1"', 7, "address is no loopback address"),
        ('protocol = "x"\naddress = "0.0.0.0:1"', 7, "add certificate and key, or listen on"),
        ('protocol = "x"\naddress = "[::]:1"', 7, "address is no loopback address"),
        ('protocol = "x"\naddress = "127.0.0.1:1"\nkey = "/k"', 5, "certificate and key must be"),
        ('protocol = "x"\npath = "/x"\nservice = ""', 8, "service must not be empty"),
        ('protocol = "x"\npath = "/x"\nservice = 1', 8, "service must be a name, or a table"),
        ('protocol = "x"\npath = "/x"\nservice = {a = 1}', 8, "service must be a name, or"),
        ('protocol = "x"\npath = "/x"\n[listen.service]\nsmtp = ""', 8, "service must be a name"),
        ('protocol = "x"\npath = "/x"\npeers = [1]', 8, "peers must be a list of strings"),
        (
            'protocol = "x"\npath = "/x"\n[[listen]]\nprotocol = "x"\npath = "/x"',
            10,
            "path is that of line 5, too",
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, line: int, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, f"{HEAD}[[listen]]\n{text}\n")
    lines = str(caught.value).split("\n")
    assert len(lines) == 1
    assert lines[0].startswith(f"{tmp_path}/ualauth.toml:{line}: [[listen]] ")
    assert told in lines[0]


@pytest.mark.parametrize("text", ["listen = 1", "[listen]\npath = '/x'", "listen = [1]"])
def test_what_is_no_table(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"must be tables; write \[\[listen\]\]"):
        load(tmp_path, text)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = '[stack]\nthreads = 0\n[[listen]]\n[[listen]]\nprotocol = "x"\npath = "x"\n'
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    assert [line.partition(": ")[0] for line in str(caught.value).split("\n")] == [
        f"{tmp_path}/ualauth.toml",
        f"{tmp_path}/ualauth.toml:3",
        f"{tmp_path}/ualauth.toml:3",
        f"{tmp_path}/ualauth.toml:6",
    ]


def test_other_forms_of_tables(tmp_path: Path) -> None:
    text = 'listen = [{protocol = "x", path = "/x"}]\n'
    assert load(tmp_path, text).listen[0].place == "/x"
    with pytest.raises(ConfigurationError, match=r"toml:1: \[\[listen\]\] path must"):
        load(tmp_path, text.replace("/x", "x"))


def test_an_address_with_tls_may_be_anywhere(tmp_path: Path) -> None:
    table = 'protocol = "x"\naddress = "0.0.0.0:4001"\ncertificate = "/c"\nkey = "/k"\n'
    assert load(tmp_path, f"[[listen]]\n{table}").listen[0].host_and_port == ("0.0.0.0", 4001)
