"""Django's authentication: who becomes which user there, and which backend is asked next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.adapters.heard import held_by
from tests.unit.adapters.web.conftest import PASSWORD
from ualauth.errors import ConfigurationError, TemporaryFailure
from ualauth.userlist.store import UserStore

BACKENDS = ["ualauth.adapters.django.backend.Backend", "django.contrib.auth.backends.ModelBackend"]
LOCAL = "a password of Django's"


@pytest.fixture(scope="session")
def django(web_etc: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return Django, set up with a database of its own."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    database = tmp_path_factory.mktemp("django") / "site.db"
    settings.configure(
        ALLOWED_HOSTS=["*"],
        AUTHENTICATION_BACKENDS=BACKENDS,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(database)}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "ualauth.adapters.django.middleware.UnavailableMiddleware",
        ],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ROOT_URLCONF="tests.unit.adapters.web.django_urls",
        SECRET_KEY="for tests",
        UALAUTH={"CONFIG_DIR": str(web_etc)},
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    return django


@pytest.fixture
def users(django: Any) -> Iterator[Any]:
    """Return the manager of Django's users, of whom there are none."""
    del django
    from django.contrib.auth import get_user_model
    from django.db import connections

    manager = get_user_model().objects
    manager.all().delete()
    yield manager
    connections.close_all()


def log_in(username: str, password: str = PASSWORD, request: Any = None) -> Any:
    from django.contrib.auth import authenticate

    return authenticate(request, username=username, password=password)


def rights(user: Any) -> tuple[bool, bool]:
    return user.is_staff, user.is_superuser


def settings_with(**values: Any) -> Any:
    from django.conf import settings
    from django.test import override_settings

    return override_settings(UALAUTH={**settings.UALAUTH, **values})


def test_the_right_password_makes_a_user(users: Any) -> None:
    user = log_in("john.smith@example.com")
    assert (user.get_username(), user.email) == ("jsmith", "john.smith@example.com")
    assert not user.has_usable_password()
    assert rights(user) == (False, False)
    assert log_in("jsmith") == user
    assert users.count() == 1
    assert user.backend == BACKENDS[0]


@pytest.mark.parametrize("name", ["jsmith", "unknown", "locked", "expired"])
def test_who_is_refused_is_no_user(users: Any, name: str) -> None:
    assert log_in(name, "wrong") is None
    assert users.count() == 0


def test_with_asyncio_it_is_the_same(users: Any) -> None:
    from django.contrib.auth import aauthenticate

    users.create_user("local", password=LOCAL)
    users.create_user("locked", password=LOCAL)

    async def log_in_async(name: str, password: str) -> Any:
        return await aauthenticate(None, username=name, password=password)

    assert asyncio.run(log_in_async("jsmith", PASSWORD)).get_username() == "jsmith"
    assert asyncio.run(log_in_async("jsmith", "wrong")) is None
    assert asyncio.run(log_in_async("local", LOCAL)).backend == BACKENDS[1]
    with pytest.raises(TemporaryFailure):
        asyncio.run(log_in_async("outage", PASSWORD))


def test_a_wrong_password_asks_the_next_backend(users: Any) -> None:
    users.create_user("local", password=LOCAL)
    assert log_in("local", LOCAL).backend == BACKENDS[1]
    log_in("jsmith")
    # A user who was made here has no password there.
    assert log_in("jsmith", "") is None
    assert log_in("jsmith", users.get(username="jsmith").password) is None


@pytest.mark.parametrize("name", ["locked", "expired"])
def test_who_may_not_log_in_is_not_asked_for_elsewhere(users: Any, name: str) -> None:
    # Both backends would have the same password.
    users.create_user(name, password=PASSWORD)
    assert log_in(name) is None


def test_what_could_not_be_checked_is_an_error_and_the_end(users: Any) -> None:
    users.create_user("outage", password=PASSWORD)
    with pytest.raises(TemporaryFailure):
        log_in("outage")
    users.create_user("jsmith", password=PASSWORD)
    for service in ("no-such-service", "down"):
        with (
            settings_with(SERVICE=service),
            pytest.raises((ConfigurationError, TemporaryFailure)),
        ):
            log_in("jsmith")


def test_a_user_of_djangos_own_is_not_taken_over(
    users: Any, caplog: pytest.LogCaptureFixture
) -> None:
    users.create_superuser("jsmith", password=LOCAL)
    with caplog.at_level(logging.WARNING):
        assert log_in("jsmith") is None
    assert "'jsmith' is another user in Django: see MAP_EXISTING" in caplog.text
    with settings_with(MAP_EXISTING=True):
        user = log_in("jsmith")
    # ... and never with what the user was there.
    assert rights(user) == rights(users.get(username="jsmith")) == (False, False)


FLAGS: Mapping[Any, tuple[bool, bool]] = {
    ("is_staff",): (True, False),
    ("is_staff", "is_superuser"): (True, True),
    (): (False, False),
}


@pytest.mark.parametrize("flags", FLAGS)
def test_an_administrator_is_what_the_settings_say(users: Any, flags: Any) -> None:
    with settings_with(ADMINISTRATOR_FLAGS=flags):
        user = log_in("boss")
        assert rights(user) == rights(users.get(username="boss")) == FLAGS[flags]
        other = log_in("jsmith")
        assert rights(other) == (False, False)


def test_flags_go_with_the_administrator(users: Any, web_etc: Path) -> None:
    with settings_with(ADMINISTRATOR_FLAGS=["is_staff", "is_superuser"]):
        assert log_in("boss").is_superuser
        with UserStore(f"sqlite:///{web_etc}/userlist.db") as store:
            store.update(store.get("boss"), administrator=False)
            try:
                log_in("boss")
            finally:
                store.update(store.get("boss"), administrator=True)
    assert rights(users.get(username="boss")) == (False, False)


def test_flags_may_be_left_to_django(users: Any) -> None:
    log_in("jsmith")
    users.filter(username="jsmith").update(is_staff=True)
    with settings_with(ADMINISTRATOR_FLAGS=None):
        assert log_in("jsmith").is_staff
        assert not log_in("boss").is_staff


def test_who_is_not_active_in_django_is_the_end(users: Any) -> None:
    log_in("jsmith")
    users.filter(username="jsmith").update(is_active=False)
    assert log_in("jsmith") is None


@pytest.mark.parametrize(
    "values",
    [{"SERVICES": "x"}, {"ADMINISTRATOR_FLAGS": "is_staff"}, {"ADMINISTRATOR_FLAGS": ["x"]}],
)
def test_settings_that_there_are_not_are_told(users: Any, values: Any) -> None:
    from django.core.exceptions import ImproperlyConfigured

    with settings_with(**values), pytest.raises(ImproperlyConfigured, match="UALAUTH"):
        log_in("jsmith")


@pytest.mark.parametrize("credentials", [{}, {"token": "x"}, {"username": "jsmith"}])
def test_other_credentials_are_those_of_others(users: Any, credentials: Any) -> None:
    from django.contrib.auth import authenticate

    assert authenticate(None, **credentials) is None


def test_a_login_view_says_so_with_503(users: Any, caplog: pytest.LogCaptureFixture) -> None:
    from django.test import Client

    client = Client(REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="192.0.2.66")
    with caplog.at_level(logging.INFO, "ualauth"):
        answer = client.post("/login", {"username": "outage", "password": PASSWORD})
        assert (answer.status_code, answer["Retry-After"]) == (503, "30")
        assert answer.content == b"Temporary authentication failure\n"
        with settings_with(SERVICE="no-such-service"):
            answer = client.post("/login", {"username": "jsmith", "password": PASSWORD})
            assert (answer.status_code, answer["Retry-After"]) == (503, "30")
            assert b"no-such-service" not in answer.content
        assert client.post("/login", {"username": "jsmith", "password": "x"}).content == b"no user"
        answer = client.post("/login", {"username": "jsmith", "password": PASSWORD})
        assert answer.content == b"jsmith"
        # The session of a user is found again by the backend that made it.
        assert client.get("/whoami").content == b"jsmith"
    assert "rhost=192.0.2.7" in caplog.text
    assert "192.0.2.66" not in caplog.text
    assert PASSWORD not in caplog.text
    with pytest.raises(ZeroDivisionError):
        client.get("/broken")


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("name", ["locked", "outage"])
def test_what_is_raised_holds_no_password(users: Any, name: str, *, awaited: bool) -> None:
    """Django's page for errors shows what calls hold, and mails it to the administrators."""
    del users
    from ualauth.adapters.django.backend import Backend

    def call() -> None:
        answer = (Backend().aauthenticate if awaited else Backend().authenticate)(
            None, name, PASSWORD
        )
        if awaited:
            asyncio.run(answer)

    with pytest.raises(Exception) as caught:  # noqa: PT011 - each has its own
        call()
    assert PASSWORD not in held_by(caught.value)


@pytest.mark.parametrize("name", ["j\0smith", "\ud800", "x" * 100_000, "", " ", "jsmith\n"])
@pytest.mark.parametrize("password", ["\0", "\ud800", "x" * 100_000, ""])
def test_odd_names_and_passwords_are_wrong(users: Any, name: str, password: str) -> None:
    from ualauth.adapters.django.backend import Backend

    for each in (name, "jsmith"):
        assert Backend().authenticate(None, each, password) is None
    assert users.count() == 0
