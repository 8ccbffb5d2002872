"""A backend for AUTHENTICATION_BACKENDS.

What it answers decides whether the next backend of the list is asked:

    the password is wrong, or there is no such user     None: the next one is asked
    right password, but the account may not be used     PermissionDenied: the end
    no module could check                               TemporaryFailure: the end, by an error
    the service cannot be used                          ConfigurationError: likewise

`UnavailableMiddleware` answers the last two with 503.
"""

from __future__ import annotations

import logging
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from ualauth.adapters.django.settings import Settings, authenticator_of, read_settings
from ualauth.contract.identity import Identity
from ualauth.errors import AccountRestricted, AuthenticationFailed, PasswordExpired
from ualauth.runtime.peer import Peer

log = logging.getLogger("ualauth.http")

_FLAGS = ("is_staff", "is_superuser")


class Backend(ModelBackend):
    """Asks a service about a name and a password; a user of Django's is made, or found, by authid.

    Permissions are those of Django's own backend.
    """

    @sensitive_variables("password", "kwargs")
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - Django's
    ) -> Any:  # noqa: ANN401 - of the model that the settings name
        """Return Django's user, or `None` for a wrong password.

        Raises:
            PermissionDenied: if the password is right, and the user may not be let in.
            TemporaryFailure: if no module could check.
            ConfigurationError: if the service cannot be used.

        """
        if username is None:
            username = kwargs.get(get_user_model().USERNAME_FIELD)
        if not isinstance(username, str) or not isinstance(password, str):
            return None
        chosen = read_settings()
        authenticator = authenticator_of(chosen.config_dir)
        try:
            identity = authenticator.authenticate(
                chosen.service, username, password, **_peer_of(request)
            )
        except AuthenticationFailed:
            return None
        except (AccountRestricted, PasswordExpired) as error:
            raise PermissionDenied(str(error)) from None
        finally:
            # Where DEBUG is on, Django's page for an error shows all that a call holds.
            del password
            kwargs.clear()
        user = _user_of(identity, chosen)
        if not self.user_can_authenticate(user):
            raise PermissionDenied("not active in Django")
        _set_flags(user, identity, chosen)
        return user

    @sensitive_variables("password", "kwargs")
    async def aauthenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - Django's
    ) -> Any:  # noqa: ANN401 - of the model that the settings name
        """Return the same: Django's own would look at the password in its database."""
        checking = sync_to_async(self.authenticate)(request, username, password, **kwargs)
        del password
        kwargs.clear()
        return await checking


def _peer_of(request: HttpRequest | None) -> Peer:
    if request is None:
        return {}
    return {"rhost": request.META.get("REMOTE_ADDR") or None, "tls": request.is_secure()}


def _user_of(identity: Identity, chosen: Settings) -> Any:  # noqa: ANN401 - see above
    """Return Django's user with the authid as name, making it if need be."""
    model, authid = get_user_model(), identity.authid
    field = model._meta.get_field(model.USERNAME_FIELD)  # noqa: SLF001 - documented
    if identity.anonymous or len(authid) > (field.max_length or len(authid)):
        log.warning("%.80a cannot be a user of Django", authid)
        raise PermissionDenied("no name for Django")
    # With an unusable password, Django's own backend never lets the user in.
    values = {"password": make_password(None)}
    email = model.get_email_field_name()
    if identity.addresses and hasattr(model, email):
        values[email] = identity.addresses[0]
    user, is_new = model._default_manager.get_or_create(  # noqa: SLF001 - documented
        **{model.USERNAME_FIELD: authid}, defaults=values
    )
    own = is_new or chosen.map_existing or not user.has_usable_password()
    if user.get_username() != authid or not own:
        # A database may compare without case; or it is another user, who has a password there.
        log.warning("%.80a is another user in Django: see MAP_EXISTING", authid)
        raise PermissionDenied("another user of Django")
    return user


def _set_flags(user: Any, identity: Identity, chosen: Settings) -> None:  # noqa: ANN401
    if chosen.administrator_flags is None:
        return
    changed = []
    for flag in _FLAGS:
        value = identity.person.administrator and flag in chosen.administrator_flags
        # A model of one's own may have neither.
        if getattr(user, flag, value) != value:
            setattr(user, flag, value)
            changed.append(flag)
    if changed:
        user.save(update_fields=changed)
