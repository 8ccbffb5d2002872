"""What the adapters of Flask and WSGI have beyond the replies."""

from __future__ import annotations

from collections.abc import Iterator

import flask
import pytest

from tests.unit.adapters.web.conftest import basic
from tests.unit.adapters.web.sites import SERVICE, Sites
from tests.unit.adapters.web.wsgi_sites import new_flask, new_wsgi
from ualauth import Authenticator
from ualauth.adapters.flask import Login

URL = "https://mail.example.com"


@pytest.fixture
def authenticator(sites: Sites) -> Iterator[Authenticator]:
    with Authenticator(sites.folder) as authenticator:
        yield authenticator


def test_a_view_that_forgot_to_ask_fails(authenticator: Authenticator) -> None:
    client = new_flask(authenticator, SERVICE).test_client()
    headers = {"Authorization": basic("jsmith")}
    assert client.get("/forgotten", base_url=URL, headers=headers).status_code == 500


def test_another_services_login_counts_for_nothing(authenticator: Authenticator) -> None:
    application = flask.Flask("site")
    one, other = Login(authenticator, SERVICE), Login(authenticator, "down")

    @application.get("/")
    @one.required
    def view() -> str:
        return other.identity.authid

    headers = {"Authorization": basic("jsmith")}
    assert application.test_client().get("/", base_url=URL, headers=headers).status_code == 500


def test_all_views_can_ask(authenticator: Authenticator) -> None:
    application = new_flask(authenticator, SERVICE)
    login = Login(authenticator, SERVICE)
    application.before_request(login.check)
    application.add_url_rule("/all", view_func=lambda: login.identity.authid)
    client = application.test_client()
    assert client.get("/all", base_url=URL).status_code == 401
    assert client.get("/static/none", base_url=URL).status_code == 401
    headers = {"Authorization": basic("boss")}
    assert client.get("/all", base_url=URL, headers=headers).text == "boss"


def test_the_user_of_a_request_is_not_that_of_the_next(authenticator: Authenticator) -> None:
    application = new_flask(authenticator, SERVICE)
    client = application.test_client()
    # A context that lasts for longer than a request has what is in `flask.g` in common.
    with application.app_context():
        for name in ("jsmith", "boss"):
            headers = {"Authorization": basic(name)}
            assert client.get("/whoami", base_url=URL, headers=headers).text == name
        assert client.get("/whoami", base_url=URL).status_code == 401


def test_a_remote_user_of_the_servers_is_not_passed_on(sites: Sites) -> None:
    with Authenticator(sites.folder) as authenticator:
        application = new_wsgi(authenticator, SERVICE)
        environ = {
            "REQUEST_METHOD": "GET",
            "wsgi.url_scheme": "https",
            "REMOTE_USER": "boss",
            "REMOTE_ADDR": "",
            "HTTP_X_FORWARDED_FOR": "192.0.2.66",
        }
        said: list[tuple[str, list[tuple[str, str]]]] = []
        assert application(environ, lambda *each: said.append(each)) == [
            b"Authentication required\n"
        ]
        environ["HTTP_AUTHORIZATION"] = basic("jsmith")
        assert application(environ, lambda *each: said.append(each)) == [b"jsmith"]
        assert [status for status, _ in said] == ["401 Unauthorized", "200 OK"]
        assert said[1][1] == [("Auth-Type", "Basic")]
        assert environ["REMOTE_USER"] == "boss"


def test_head_has_no_body(sites: Sites) -> None:
    with Authenticator(sites.folder) as authenticator:
        application = new_wsgi(authenticator, SERVICE)
        environ = {"REQUEST_METHOD": "HEAD", "wsgi.url_scheme": "https"}
        assert application(environ, lambda *_: None) == []


def test_a_coroutine_function_is_a_view_too(authenticator: Authenticator) -> None:
    application = flask.Flask("site")
    login = Login(authenticator, SERVICE)

    @application.get("/")
    @login.required
    async def view() -> str:
        return login.identity.authid

    client = application.test_client()
    headers = {"Authorization": basic("jsmith")}
    # Flask needs asgiref for it, which Django brings.
    assert client.get("/", base_url=URL, headers=headers).text == "jsmith"
    assert client.get("/", base_url=URL).status_code == 401
