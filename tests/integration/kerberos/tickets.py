"""The client's end of exchanges: tickets of real people, and what is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gssapi

from tests.kerberos import SERVICE, Realm

_OID = gssapi.raw.OID.from_int_seq("1.2.840.113554.1.2.2")
_HEADER = bytes.fromhex("06092a864886f712010202")


def cache_of(
    kdc: Realm, path: Path, user: str = "jsmith", password: str = "s3cret", service: str = SERVICE
) -> str:
    """Return a cache with a ticket of a user, and one for the service."""
    cache = f"FILE:{path}"
    kdc.run("kinit", "-c", cache, user, text=f"{password}\n")
    kdc.run("kvno", "-c", cache, service)
    return cache


class Initiator:
    """A client that has a ticket for the service in its cache, and needs no KDC any more."""

    def __init__(
        self,
        cache: str,
        service: str = f"{SERVICE}@UAL.TEST",
        bindings: bytes | None = None,
        *,
        mutual: bool = True,
    ) -> None:
        raw = gssapi.raw
        name = raw.import_name(service.encode(), gssapi.NameType.kerberos_principal)
        creds = raw.acquire_cred_from({b"ccache": cache.encode()}, None, None, [_OID], "initiate")
        flags = {gssapi.RequirementFlag.integrity}
        if mutual:
            flags.add(gssapi.RequirementFlag.mutual_authentication)
        self._arguments: dict[str, Any] = {
            "creds": creds.creds,
            "mech": _OID,
            "flags": gssapi.IntEnumFlagSet(gssapi.RequirementFlag, flags),  # type: ignore[arg-type]  # any iterable
        }
        if bindings is not None:
            self._arguments["channel_bindings"] = raw.ChannelBindings(application_data=bindings)
        self._name = name
        self.context: Any = None
        self.done = False

    def step(self, token: bytes | None = None) -> bytes:
        result = gssapi.raw.init_sec_context(
            self._name, context=self.context, input_token=token, **self._arguments
        )
        self.context, self.done = result.context, not result.more_steps
        return result.token or b""

    def wrap(self, data: bytes) -> bytes:
        return gssapi.raw.wrap(self.context, data, confidential=False).message

    def unwrap(self, data: bytes) -> bytes:
        return gssapi.raw.unwrap(self.context, data).message


def unframed(token: bytes) -> bytes:
    """Return a first token as GS2 has it, without its header."""
    return token[token.index(_HEADER) + len(_HEADER) :]
