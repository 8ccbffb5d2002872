"""A service for each module that counts guesses, of which no server is asked."""

from __future__ import annotations

import json
import sqlite3
import time
from base64 import urlsafe_b64encode
from contextlib import closing

from ualauth import Authenticator
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

PASSWORD = "horse-battery-staple"
RHOST = "192.0.2.7"
USER = "jsmith@example.com"
OF_THE_DATABASE = "another-battery-staple"
LINES = {
    "om_auth": "om_auth",
    "om_imap": "om_imap host=127.0.0.1:9 tls=none",
    "om_krb5": "om_krb5",
    "om_ldap": "om_ldap",
    "om_oauth": "om_oauth issuer=https://issuer.example audience=mail keys={folder}/keys.json",
    "om_sql": "om_sql",
}
"""Module -> its entry."""
FILES = {
    "om_ldap.conf": "uri ldap://127.0.0.1:9\nbase dc=example,dc=com\n",
    "om_sql.conf": "url sqlite:///{folder}/mail.db\n"
    "query SELECT name AS user, password FROM mailbox WHERE name = {user}\n",
    # RFC 7515, appendix A.3.1
    "keys.json": '{"keys": [{"kty": "EC", "crv": "P-256", '
    '"x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", '
    '"y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}',
}
SETTINGS = """\
[stack]
fail_delay = false
[lockout]
failures = 2
failure_delay = 0
[password]
argon2_memory = 8
argon2_passes = 1
argon2_lanes = 1
[sasl]
mechanisms = ["PLAIN", "XOAUTH2"]
"""


def write_services(folder: ConfigFolder) -> None:
    """Write a service for each module, a USERLIST, and what their lines name."""
    folder.settings(SETTINGS)
    userlist = Userlist.create(folder.path)
    userlist.add("jsmith", PASSWORD, addresses=(USER,))
    userlist.close()
    with closing(sqlite3.connect(folder.path / "mail.db")) as connection, connection:
        connection.execute("CREATE TABLE mailbox (name, password)")
        connection.execute(
            "INSERT INTO mailbox VALUES ('jsmith', ?)", [f"{{PLAIN}}{OF_THE_DATABASE}"]
        )
    for name, text in FILES.items():
        path = folder.path / name
        path.write_text(text.replace("{folder}", str(folder.path)))
        path.chmod(0o600)
    for name, entry in LINES.items():
        line = entry.replace("{folder}", str(folder.path))
        folder.service(name, f"auth required {line}\naccount required pam_permit\n")


def token() -> str:
    """Return a token that no issuer has signed."""
    claims: dict[str, object] = {
        "iss": "https://issuer.example",
        "aud": "mail",
        "email": USER,
        "sub": "4711",
    }
    claims |= {"email_verified": True, "exp": int(time.time()) + 3600}
    parts: tuple[dict[str, object], ...] = ({"alg": "ES256", "typ": "JWT"}, claims, {})
    return ".".join(
        urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )


def log_in(auth: Authenticator, module: str, password: str = PASSWORD) -> None:
    if module == "om_oauth":
        exchange = auth.sasl(module, "XOAUTH2", rhost=RHOST, tls=True)
        message = f"user={USER}\1auth=Bearer {token()}\1\1"
        if exchange.step(message.encode()) is not None:
            # The client has read why, and gives up.
            exchange.step(b"")
    else:
        auth.authenticate(module, USER, password, rhost=RHOST, tls=True)
