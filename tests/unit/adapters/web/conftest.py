"""Sites, the users whom they let in, and a client."""

from __future__ import annotations

import textwrap
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import playground
import pytest

from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.web.sites import SERVERS as ASGI_SERVERS
from tests.unit.adapters.web.sites import SERVICE, Sites
from tests.unit.adapters.web.wsgi_sites import WSGI_SERVERS
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SERVERS = ASGI_SERVERS | WSGI_SERVERS
PASSWORD = "pencil: ü 1"
SETTINGS = """
    [service.proving]
    mechanisms = ["SCRAM-SHA-256"]
    [stack]
    fail_delay = false
    [lockout]
    failures = 0
    [password]
    argon2_passes = 1
    argon2_lanes = 1
    argon2_memory = 8
    """


@pytest.fixture(scope="session")
def web_etc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a configuration folder with users of every kind, and a token of jsmith."""
    folder = ConfigFolder(tmp_path_factory.mktemp("web"))
    folder.settings(textwrap.dedent(SETTINGS))
    playground._make_token(folder.path)
    oauth = f"om_oauth issuer={playground.ISSUER} audience=mail keys={folder.path}/keys.json"
    passwords = "auth requisite pam_if user=outage stack=down\nauth required om_auth"
    account = "account required om_auth"
    folder.service(SERVICE, f"auth sufficient {oauth}\n{passwords}\n{account}")
    folder.service("passwords", f"{passwords}\n{account}")
    folder.service("proving", f"{passwords}\n{account}")
    folder.service("broken", "auth required pam_such_a_module_there_is_not")
    folder.service("down", "auth required pam_debug auth=authinfo_unavail")
    people = Userlist.create(folder.path)
    now = datetime.now(UTC)
    for name in ("jsmith", "boss", "locked", "expired", "outage"):
        user = people.add(
            name,
            addresses=("john.smith@example.com" if name == "jsmith" else f"{name}@example.com",),
            administrator=name == "boss",
        )
        expires = now - timedelta(days=1) if name == "expired" else None
        people.store.set_password(
            user, people.hasher.hash(PASSWORD), (), changed=now, expires=expires
        )
    people.store.update(people.store.get("locked"), locked=True)
    people.close()
    return folder.path


@pytest.fixture(scope="session")
def token(web_etc: Path) -> str:
    """Return a token of jsmith."""
    return (web_etc / "token").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def sites(web_etc: Path, certificates: Certificates) -> Sites:
    """Return what runs sites."""
    return Sites(web_etc, certificates)


Get = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def get(sites: Sites, certificates: Certificates) -> Iterator[Get]:
    """Return how to get a page of a site, which is started once."""
    urls: dict[tuple[str, str, bool], str] = {}
    client = httpx.Client(verify=certificates.client_context(), trust_env=False)
    # The client ends its connections first, for which servers that end would wait.
    with ExitStack() as stack, client:

        def get_page(
            kind: str,
            *authorization: str | bytes,
            service: str = SERVICE,
            tls: bool = True,
            page: str = "/whoami",
        ) -> httpx.Response:
            place = (kind, service, tls)
            if place not in urls:
                port = stack.enter_context(SERVERS[kind](sites, service, tls))
                urls[place] = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
            values = [each if isinstance(each, bytes) else each.encode() for each in authorization]
            headers = [(b"Authorization", value) for value in values]
            return client.get(f"{urls[place]}{page}", headers=headers)

        yield get_page


@pytest.fixture(params=sorted(SERVERS))
def kind(request: pytest.FixtureRequest) -> str:
    """Return each kind of site in turn."""
    kind: str = request.param
    return kind


def basic(name: str, password: str = PASSWORD, charset: str = "utf-8") -> str:
    """Return a header Authorization (RFC 7617)."""
    return f"Basic {encoded(f'{name}:{password}'.encode(charset))}"


def encoded(data: bytes) -> str:
    """Return base64."""
    return b64encode(data).decode()
