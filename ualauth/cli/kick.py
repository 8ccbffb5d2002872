"""`ualauth kick`: end the sessions of users."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import click

from ualauth.cli.completion import users as completed
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain

_NO_SESSION = 67
"""EX_NOUSER of sysexits.h: what `doveadm kick` ends with when no client was connected."""
_SECONDS = 60
_WILDCARDS = frozenset("*?")


@click.command("kick")
@click.argument("users", metavar="USER...", nargs=-1, required=True, shell_complete=completed)
@click.pass_obj
def command(invocation: Invocation, *, users: tuple[str, ...]) -> None:
    """End the sessions of users, and forget their logins.

    The program of [serve] kick is called for each, with the authid: for
    Dovecot, that is doveadm kick. Its sessions end, and the next login of the
    user is verified anew by the daemon. It keeps no user out: for that, lock
    the user before, or change the password.
    """
    from ualauth.errors import ConfigurationError  # noqa: PLC0415 - help needs nothing of it

    config = invocation.config
    has_control = any(each.protocol == "control" for each in config.listen)
    if not config.serve.kick and not has_control:
        text = 'add [serve] kick = ["/usr/bin/doveadm", "kick", "{user}"] to ualauth.toml'
        raise ConfigurationError(f"there is no program that ends sessions: {text}")
    authids = [_authid(invocation, name) for name in users]
    for authid in authids:
        if config.serve.kick:
            ended = _call(config.serve.kick, authid)
            click.echo(f"{plain(authid)} {'is logged out' if ended else 'has no session'}.")
    if has_control:
        _forget(invocation, sorted({*authids, *users}))


def _authid(invocation: Invocation, name: str) -> str:
    """Return the authid of the user; the name itself of one who was deleted, or is elsewhere."""
    from ualauth.errors import UserUnknown  # noqa: PLC0415 - see above

    if not invocation.config.has_userlist:
        return name
    try:
        return invocation.store.get(name).authid
    except UserUnknown:
        return name


def _call(program: Sequence[str], user: str) -> bool:
    """Return whether there was a session to end."""
    from ualauth.errors import InvalidValue, StoreError  # noqa: PLC0415 - see above

    is_safe = user.isprintable() and not user.startswith("-") and _WILDCARDS.isdisjoint(user)
    if not user or not is_safe:
        # It would be an option, or mean other users as well.
        raise InvalidValue(f"{user!a} can be the name of no user whose sessions end")
    arguments = [each.replace("{user}", user) for each in program]
    try:
        result = subprocess.run(  # noqa: S603 - what the administrator has configured
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except OSError as error:
        raise StoreError(f"{program[0]} cannot be called: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise StoreError(f"{program[0]} does not end within {_SECONDS} s") from None
    if result.returncode in {0, _NO_SESSION}:
        return result.returncode == 0
    why = plain(result.stderr.strip().partition("\n")[0]) or "and said nothing"
    raise StoreError(f"{program[0]} ended with status {result.returncode}: {why}")


def _forget(invocation: Invocation, names: Sequence[str]) -> None:
    from ualauth.cli.daemon import ask  # noqa: PLC0415 - see above
    from ualauth.daemon.protocols.dovecot_fields import escaped  # noqa: PLC0415 - likewise

    fields = [escaped(name).decode() for name in names]
    number = ask(invocation, "\t".join(["FORGET", *fields]), "forgotten")
    click.echo(f"{number} remembered {'login is' if number == 1 else 'logins are'} forgotten.")
