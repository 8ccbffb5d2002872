"""Pages of a site of Django's: a login by a form, who is logged in, and a mistake."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate, login
from django.http import HttpResponse
from django.urls import path


def log_in(request: Any) -> HttpResponse:
    """Log a user in."""
    user = authenticate(request, **request.POST.dict())
    if user is None:
        return HttpResponse("no user")
    login(request, user)
    return HttpResponse(user.get_username())


def whoami(request: Any) -> HttpResponse:
    """Say who is logged in."""
    return HttpResponse(request.user.get_username())


def broken(request: Any) -> HttpResponse:
    """Make a mistake."""
    raise ZeroDivisionError


urlpatterns = [path("login", log_in), path("whoami", whoami), path("broken", broken)]
