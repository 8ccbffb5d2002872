"""Initial credentials for a password, and the KDC that gave them verified with the keytab.

A server that answers in the KDC's place can answer what it likes to a password that
it knows, so a reply proves nothing by itself (the "Zanarotti attack"). The KDC
is known by a ticket for this service: only the real one has the key that is in
the keytab. krb5_verify_init_creds(3) with ap_req_nofail does exactly that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from ctypes import byref

from ualauth.kerberos.context import Context, Handle
from ualauth.kerberos.failures import KerberosFault, Unverified
from ualauth.kerberos.keytab import Keytab, opened
from ualauth.kerberos.libkrb5 import (
    AP_REQ_NOFAIL,
    FAST_REQUIRED,
    Credentials,
    VerifyOptions,
)
from ualauth.kerberos.principal import PrincipalName
from ualauth.kerberos.settings import Fast, KerberosSettings

CHANGE_SERVICE = b"kadmin/changepw"
"""The service whose ticket lets a user change a password, also an expired one (RFC 3244)."""
_TRIES = 4
"""How many keys of a keytab a KDC is verified with before it is given up."""


@contextlib.contextmanager
def options(
    context: Context,
    settings: KerberosSettings,
    armour: str | None = None,
) -> Iterator[Handle]:
    """Hold the options of a request; `armour` is the cache with a ticket for FAST."""
    request_options = context.made("krb5_get_init_creds_opt_alloc")
    with context.held(request_options, "krb5_get_init_creds_opt_free"):
        library = context.library
        library.krb5_get_init_creds_opt_set_change_password_prompt(request_options, 0)
        library.krb5_get_init_creds_opt_set_forwardable(request_options, int(settings.forwardable))
        # The KDC says who it is: Active Directory takes JSMITH for jsmith.
        library.krb5_get_init_creds_opt_set_canonicalize(request_options, 1)
        if settings.ticket_lifetime is not None:
            library.krb5_get_init_creds_opt_set_tkt_life(request_options, settings.ticket_lifetime)
        if settings.renew_lifetime is not None:
            library.krb5_get_init_creds_opt_set_renew_life(request_options, settings.renew_lifetime)
        if armour is not None:
            set_name = "krb5_get_init_creds_opt_set_fast_ccache_name"
            context.call(set_name, request_options, armour.encode())
        if settings.fast is Fast.DEMAND:
            context.call("krb5_get_init_creds_opt_set_fast_flags", request_options, FAST_REQUIRED)
        context.call(
            "krb5_get_init_creds_opt_set_expire_callback", request_options, context.expiry, None
        )
        yield request_options


def get_initial(  # noqa: PLR0913, PLR0917 - as libkrb5 has them
    context: Context,
    into: Credentials,
    name: PrincipalName,
    password: str,
    request_options: Handle,
    service: bytes | None = None,
) -> None:
    """Fill credentials by a password; blocks. `service` is the ticket's, by default the KDC's.

    Raises:
        KerberosFault: whatever the KDC or libkrb5 says.

    """
    with context.principal(name) as principal:
        context.call(
            "krb5_get_init_creds_password",
            byref(into),
            principal,
            password.encode(),
            *(None, None, 0),
            service,
            request_options,
        )


def verify(
    context: Context, credentials: Credentials, keytab: Keytab, only: str | None, principal: str
) -> None:
    """Make sure that credentials are from the KDC that knows a key of the keytab; blocks.

    `principal` is whose they are; `only`, whose key it has to be.

    Raises:
        Unverified: if it does not.
        KerberosFault: if it cannot be reached any more.

    """
    strict = VerifyOptions(AP_REQ_NOFAIL, 1)
    failure: KerberosFault | None = None
    with opened(context, keytab.name) as handle:
        for name in candidates(keytab.principals, only, principal.rpartition("@")[2]):
            try:
                with context.principal(PrincipalName(name)) as server:
                    context.call(
                        "krb5_verify_init_creds",
                        byref(credentials),
                        server,
                        handle,
                        None,
                        byref(strict),
                    )
            except KerberosFault as error:
                failure = failure or error
            else:
                return
    if failure is None:
        raise Unverified(0, f"it has no key of {only}")
    raise Unverified(failure.number, str(failure.args[0])) from failure


def candidates(principals: Sequence[str], only: str | None, realm: str) -> list[str]:
    """Return whose keys to verify with: those of the user's realm first.

    `only` is the one that it has to be, with or without its realm.
    """
    fitting = [
        each for each in principals if only is None or only in {each, each.rpartition("@")[0]}
    ]
    return sorted(fitting, key=lambda each: each.rpartition("@")[2] != realm)[:_TRIES]
