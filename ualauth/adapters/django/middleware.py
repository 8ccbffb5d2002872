"""What Django answers if a login could not be checked: it has no word for that of its own."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from ualauth.adapters.http_replies import reply_of
from ualauth.errors import ConfigurationError, TemporaryFailure


class UnavailableMiddleware(MiddlewareMixin):
    """Answers 503 with Retry-After, in place of a page for an error of the site."""

    def process_exception(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's
        error: Exception,
    ) -> HttpResponse | None:
        """Return the reply to a login that could not be checked, `None` for all else."""
        if not isinstance(error, TemporaryFailure | ConfigurationError):
            return None
        reply = reply_of(error, "mail", (), token=False)
        return HttpResponse(reply.body, status=reply.status, headers=dict(reply.headers))
