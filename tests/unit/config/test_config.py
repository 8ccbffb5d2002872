"""The configuration folder: defaults, settings, and every mistake at once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ualauth import AsyncAuthenticator, Authenticator
from ualauth.config.config import DEFAULT_DIRECTORY, Config
from ualauth.errors import ConfigurationError
from ualauth.sources import watched
from ualauth.stack.dialect import DEBIAN, LINUX_PAM
from ualauth.testing.folder import ConfigFolder


def mistakes(folder: ConfigFolder) -> list[str]:
    """Return the mistakes that loading reports."""
    with pytest.raises(ConfigurationError) as raised:
        Config.load(folder.path)
    return str(raised.value).split("\n")


def test_a_folder_without_settings_has_the_defaults(folder: ConfigFolder) -> None:
    config = Config.load(folder.path)

    assert config == Config(folder.path)
    assert config.dialect is LINUX_PAM
    assert config.stack.timeout == 30.0
    assert config.stack.fail_delay
    assert config.service_folder == folder.path / "pam.d"
    assert config.userlist_url == f"sqlite:///{folder.path}/userlist.db"
    assert not config.has_userlist


def test_an_empty_file_has_the_defaults(folder: ConfigFolder) -> None:
    folder.settings("# nothing\n\n[stack]\n")

    assert Config.load(folder.path) == Config(folder.path)


def test_every_setting_can_be_set(folder: ConfigFolder) -> None:
    folder.settings(
        """\
        [userlist]
        url = "sqlite:////var/lib/ul.db"
        timeout = 2
        [stack]
        dialect = "debian"
        timeout = 1.5
        threads = 3
        fail_delay = false
        [password]
        scheme = "bcrypt"
        [modules]
        path = ["/usr/lib/ualauth"]
        allow = ["om_auth", "pam_deny"]
        """,
    )
    config = Config.load(folder.path)

    assert config.userlist_url == "sqlite:////var/lib/ul.db"
    assert config.has_userlist
    assert config.userlist.timeout == 2.0
    assert type(config.userlist.timeout) is float
    assert config.dialect is DEBIAN
    assert (config.stack.timeout, config.stack.threads) == (1.5, 3)
    assert not config.stack.fail_delay
    assert config.password.scheme == "bcrypt"
    assert config.modules.path == ("/usr/lib/ualauth",)
    assert config.modules.allow == ("om_auth", "pam_deny")


def test_a_userlist_in_the_folder_is_used(folder: ConfigFolder) -> None:
    (folder.path / "userlist.db").touch()

    assert Config.load(folder.path).has_userlist


def test_the_folder_may_come_from_the_environment(
    folder: ConfigFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UALAUTH_CONFIG_DIR", str(folder.path))
    assert Config.load().directory == folder.path
    monkeypatch.setenv("UALAUTH_CONFIG_DIR", "/nonexistent")
    assert Config.load(folder.path).directory == folder.path
    with pytest.raises(ConfigurationError, match="/nonexistent"):
        Config.load()


def test_the_usual_folder_is_the_last_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UALAUTH_CONFIG_DIR", "")

    assert Path("/etc/ualauth") == DEFAULT_DIRECTORY
    if not DEFAULT_DIRECTORY.exists():
        with pytest.raises(ConfigurationError, match="there is no configuration folder /etc/ual"):
            Config.load()


@pytest.mark.parametrize("kind", [Authenticator, AsyncAuthenticator])
def test_a_missing_folder_is_named_with_the_cure(kind: type, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"ualauth --config-dir {tmp_path}/x init"):
        kind(tmp_path / "x")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[stak]\n", "unknown table [stak]; did you mean 'stack'?"),
        (
            "[x]\n",
            "unknown table [x]; there are: userlist, stack, password, account, lockout, cache",
        ),
        ("[stack]\ntimeot = 1\n", "unknown key 'timeot' in [stack]; did you mean 'timeout'?"),
        ("[stack]\ntimeout = '1'\n", "[stack] timeout must be of type float"),
        ("[stack]\ntimeout = true\n", "[stack] timeout must be of type float"),
        ("[stack]\ntimeout = 0\n", "[stack] timeout must be more than 0"),
        ("[stack]\ntimeout = -1.5\n", "[stack] timeout must be more than 0"),
        ("[stack]\ntimeout = nan\n", "[stack] timeout must be a finite number"),
        ("[stack]\ntimeout = inf\n", "[stack] timeout must be a finite number"),
        ("[stack]\nthreads = 2.0\n", "[stack] threads must be of type int"),
        ("[stack]\nthreads = true\n", "[stack] threads must be of type int"),
        ("[stack]\nthreads = 0\n", "[stack] threads must be more than 0"),
        ("[stack]\nfail_delay = 0\n", "[stack] fail_delay must be of type bool"),
        ("[stack]\ndialect = 'solaris'\n", "[stack] dialect 'solaris' is none of linux-pam, deb"),
        ("[password]\nscheme = 'rot13'\n", "[password] scheme 'rot13' is none of argon2id, "),
        ("[userlist]\nurl = 7\n", "[userlist] url must be of type str"),
        ("[userlist]\nurl = 'mysql://u:canary@h/x'\n", "[userlist] url is like neither sqlite:"),
        ("[userlist]\nurl = 'sqlite://x.db'\n", "[userlist] url must name a file, as in sqlite"),
        ("[userlist]\nurl = 'sqlite:///:memory:'\n", "[userlist] url must name a file, as in"),
        ("[userlist]\nurl = 'sqlite:////x?y=1'\n", "[userlist] url must name a file, as in"),
        *(
            (f"[userlist]\nurl = 'postgresql://u:canary@{rest}'\n", f"[userlist] url {mistake}")
            for rest, mistake in (
                ("canary@h/x", "is not like postgresql://"),
                ("h/x?bogus=1", "has an unknown parameter 'bogus'"),
                ("h/x?sslmode=bogus", "has a value of the parameter 'sslmode' that libpq"),
                ("h/x?ssl_min_protocol_version=9", "has a value of the parameter 'ssl_min_protoc"),
                ("h/x?target_session_attrs=9", "has a value of the parameter 'target_session"),
                ("h/x?connect_timeout=soon", "has a value of the parameter 'connect_timeout'"),
                ("h:99999/x", "has a value of the parameter 'port' that libpq"),
                ("h,i/x?port=1,2,3", "has a value of the parameter 'port' that libpq"),
            )
        ),
        ("[modules]\npath = '/x'\n", "[modules] path must be a list of strings"),
        ("[modules]\nallow = ['a', 1]\n", "[modules] allow must be a list of strings"),
    ],
)
def test_a_mistake_is_named(text: str, mistake: str, folder: ConfigFolder) -> None:
    folder.settings(text)

    (problem,) = mistakes(folder)
    assert problem.startswith(f"{folder.path}/ualauth.toml: {mistake}")
    assert "canary" not in problem


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///relative.db",
        "sqlite+pysqlite:////var/lib/ul.db",
        "postgresql:///x",
        "postgresql://u:p%40ss@db1.example.com:5432,db2.example.com/x?sslmode=verify-full",
        "postgresql+psycopg://u@[2001:db8::1]:5433/x?connect_timeout=3&keepalives=1",
        "postgresql:///x?host=/run/postgresql&target_session_attrs=read-write",
    ],
)
def test_a_url_that_can_be_is_taken_without_asking_a_server(url: str, folder: ConfigFolder) -> None:
    folder.settings(f"[userlist]\nurl = '{url}'\n")
    assert Config.load(folder.path).userlist_url == url


def test_a_table_must_be_one(folder: ConfigFolder) -> None:
    folder.settings("stack = 3\n")

    (problem,) = mistakes(folder)
    assert "stack" in problem


def test_all_mistakes_are_reported_at_once(folder: ConfigFolder) -> None:
    folder.settings(
        """\
        [stack]
        dialect = "solaris"
        timeout = 0
        threads = "many"
        colour = "red"
        [userlst]
        [password]
        scheme = 7
        [modules]
        path = 1
        """,
    )
    problems = mistakes(folder)

    assert len(problems) == 7
    assert len(set(problems)) == 7
    words = ("dialect", "timeout", "threads", "colour", "userlst", "scheme", "path")
    for word in words:
        assert any(word in each for each in problems), word


def test_a_file_that_is_no_toml_is_named_with_the_place(folder: ConfigFolder) -> None:
    folder.settings("[stack\n")

    (problem,) = mistakes(folder)
    assert problem.startswith(f"{folder.path}/ualauth.toml is not TOML: ")
    assert "line 1" in problem


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a = '\x80'"])
def test_a_file_that_is_no_utf_8_is_named(data: bytes, folder: ConfigFolder) -> None:
    (folder.path / "ualauth.toml").write_bytes(data)

    assert mistakes(folder) == [f"{folder.path}/ualauth.toml cannot be read: it is not UTF-8"]


def test_a_folder_in_place_of_the_file_is_named(folder: ConfigFolder) -> None:
    (folder.path / "ualauth.toml").mkdir()

    (problem,) = mistakes(folder)
    assert "cannot be read: " in problem


@pytest.mark.parametrize("mode", [0o666, 0o602])
def test_a_file_that_every_user_may_write_to_is_refused_with_the_cure(
    mode: int, folder: ConfigFolder
) -> None:
    folder.settings("[stack]\n").chmod(mode)

    path = folder.path / "ualauth.toml"
    assert mistakes(folder) == [
        f"{path} cannot be read: it can be written by every user; run: chmod o-w {path}"
    ]


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_that_every_user_may_write_to_is_refused(
    exists: bool, folder: ConfigFolder
) -> None:
    if exists:
        folder.settings("[stack]\n")
    folder.path.chmod(0o777)

    (problem,) = mistakes(folder)
    assert f"it is in {folder.path}, which can be written by every user" in problem
    assert f"chmod o-w {folder.path}" in problem


def test_a_file_that_is_being_written_is_waited_for(
    folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "FIRST", 0.25)
    path = folder.settings("[stack]\n")
    written = threading.Timer(0.1, path.write_text, ["[stack]\nthreads = 7\n"])
    written.start()

    assert Config.load(folder.path).stack.threads == 7
    written.join()


def test_modules_may_stand_in_a_folder_below(folder: ConfigFolder) -> None:
    """A relative folder is one of the configuration, wherever the server was started."""
    modules = folder.path / "local"
    modules.mkdir()
    (modules / "mine.py").write_text(
        "from ualauth.modules.pam_permit import PamPermit\n\n\nclass Mine(PamPermit):\n    pass\n",
    )
    folder.settings("[modules]\npath = ['local']\n")
    folder.service("test", "auth required mine\naccount required mine\n")

    identity = Authenticator(folder.path).authenticate("test", "jsmith", "s3cret")

    assert identity.user == "jsmith"


def test_only_allowed_modules_may_be_used(folder: ConfigFolder) -> None:
    folder.settings("[modules]\nallow = ['pam_deny']\n")
    folder.service("test", "auth sufficient pam_permit\nauth required pam_deny\n")

    service = Authenticator(folder.path).load("test")

    assert "'pam_permit' is not among [modules] allow" in str(service.problems[0])
