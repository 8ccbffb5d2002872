"""Tickets in credential caches: in memory, and in a file where one is asked for."""

from __future__ import annotations

import ctypes
from ctypes import byref

from ualauth.kerberos.context import Context
from ualauth.kerberos.libkrb5 import Credentials


def keep(context: Context, credentials: Credentials) -> str:
    """Put a ticket into memory, and return the name of its cache.

    Raises:
        KerberosFault: whatever libkrb5 says; of all three.

    """
    cache = context.made("krb5_cc_new_unique", b"MEMORY", None)
    with context.held(cache, "krb5_cc_close"):
        context.call("krb5_cc_initialize", cache, credentials.client)
        context.call("krb5_cc_store_cred", cache, byref(credentials))
        name = context.made("krb5_cc_get_full_name", cache)
        with context.held(name, "krb5_free_string"):
            return ctypes.string_at(name.value or 0).decode()


def copy(context: Context, source: str, target: str) -> None:
    """Write what is in one cache into another, which is made anew."""
    with (
        context.held(context.made("krb5_cc_resolve", source.encode()), "krb5_cc_close") as known,
        context.held(context.made("krb5_cc_resolve", target.encode()), "krb5_cc_close") as into,
        context.held(
            context.made("krb5_cc_get_principal", known), "krb5_free_principal"
        ) as principal,
    ):
        context.call("krb5_cc_initialize", into, principal)
        context.call("krb5_cc_copy_creds", known, into)


def destroy(context: Context, name: str) -> None:
    """Remove a cache and its file."""
    context.call("krb5_cc_destroy", context.made("krb5_cc_resolve", name.encode()))
