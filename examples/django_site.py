"""A web site of Django's that lets in whom the service ual.remote lets in.

usage: .venv/bin/python examples/django_site.py [PORT]

It listens on 127.0.0.1, says how to log in, and ends by Ctrl-C. Django's own server knows no TLS:
a real site stands behind one that does. It is in one file; a project has settings.py and urls.py.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpRequest, JsonResponse
from django.urls import path
from playground import PASSWORD, Playground, show_refusals

HOST = "127.0.0.1"
FORM = "<form method=post>{% csrf_token %}{{ form }}<button>Log in</button></form>"


def configure(folder: Path) -> None:
    """Set Django up; the last four lines are what ualauth needs."""
    templates = {"registration/login.html": FORM}
    loaders = [("django.template.loaders.locmem.Loader", templates)]
    settings.configure(
        ALLOWED_HOSTS=["localhost", HOST],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "site.db"}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
        ],
        LOGIN_REDIRECT_URL="/whoami",
        SECRET_KEY="for an example",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"loaders": loaders},
            }
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "ualauth.adapters.django.middleware.UnavailableMiddleware",
        ],
        AUTHENTICATION_BACKENDS=["ualauth.adapters.django.backend.Backend"],
        UALAUTH={"CONFIG_DIR": str(folder), "SERVICE": "ual.remote"},
    )
    django.setup()
    settings.ROOT_URLCONF = urls()
    call_command("migrate", verbosity=0)


def whoami(request: HttpRequest) -> JsonResponse:
    """Say who is logged in."""
    return JsonResponse({"authid": request.user.get_username(), "email": request.user.email})


def urls() -> tuple[object, ...]:
    """Return the pages."""
    # Django's own can be imported only when it is set up.
    from django.contrib.auth.views import LoginView  # noqa: PLC0415

    return path("login", LoginView.as_view()), path("whoami", whoami)


def main(port: int) -> None:
    """Serve until stopped."""
    show_refusals()
    with tempfile.TemporaryDirectory(prefix="ualauth-") as temporary:
        playground = Playground.make(Path(temporary) / "etc")
        configure(playground.folder)
        print(
            f"""\
user jsmith, password {PASSWORD!r}; also: locked, expired
  http://localhost:{port}/login
stop by Ctrl-C""",
            flush=True,
        )
        call_command("runserver", f"{HOST}:{port}", use_reloader=False, verbosity=0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
