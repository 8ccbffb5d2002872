"""`ualauth user modify`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.passwords import read_hash, warn_of_http
from ualauth.cli.plain import plain
from ualauth.cli.user.fields import field_options
from ualauth.cli.user.several import for_each, users_argument
from ualauth.userlist.administration import edit_addresses, set_hash
from ualauth.userlist.listing import Policies
from ualauth.userlist.policy import print_own, read_own
from ualauth.userlist.record import Changes, User

_EMPTY: Mapping[str, object] = {
    "no_addresses": (),
    "no_account_starts": None,
    "no_account_expires": None,
    "no_password_expires": None,
    "no_unix_uid": None,
}
"""Parameter that empties a field -> what the field then has."""

_OWN = frozenset({"authid", "name", "addresses", "unix_uid"})
"""Fields that no two users share."""


@click.command("modify")
@users_argument
@click.option("--authid", help="A new authid, which the user logs in with from now on.")
@field_options(name_required=False)
@click.option("--add-address", multiple=True, metavar="ADDRESS", help="One address more.")
@click.option("--remove-address", multiple=True, metavar="ADDRESS", help="One address less.")
@click.option("--no-address", "no_addresses", is_flag=True, help="No address at all.")
@click.option("--no-starts", "no_account_starts", is_flag=True, help="The account has begun.")
@click.option("--no-expires", "no_account_expires", is_flag=True, help="The account never ends.")
@click.option("--no-password-expires", is_flag=True, help="The password need not be changed.")
@click.option("--no-policy", multiple=True, metavar="KEY", help="The usual rule for this KEY.")
@click.option("--no-unix-uid", is_flag=True, help="No UNIX account.")
@click.option(
    "--hash-stdin",
    is_flag=True,
    help="Read a stored password, as another system or ualauth hash made it, from the first line "
    "of standard input.",
)
@click.pass_context
def command(  # noqa: PLR0913 - the options
    context: click.Context,
    /,
    *,
    users: tuple[str, ...],
    add_address: Sequence[str],
    remove_address: Sequence[str],
    policy: Sequence[tuple[str, Any]],
    no_policy: Sequence[str],
    hash_stdin: bool,
    **given: object,
) -> None:
    """Change fields of users.

    What is not mentioned stays as it is. --address replaces all
    addresses. An empty --language means the server's.
    """
    changes = _changes(given)
    if not (changes or add_address or remove_address or policy or no_policy or hash_stdin):
        raise click.UsageError("Say what to change; see --help.")
    own = _OWN.intersection(name for name in changes if changes[name])
    if len(users) > 1 and (own or add_address or hash_stdin):
        raise click.UsageError("An authid, name, address, UNIX uid or hash is of one user alone.")
    invocation: Invocation = context.obj
    store = invocation.store

    def modify(user: User) -> None:
        values = dict(changes)
        if add_address or remove_address:
            addresses = cast("tuple[str, ...]", changes.get("addresses", user.addresses))
            values["addresses"] = edit_addresses(addresses, add_address, remove_address)
        if policy or no_policy:
            rules = read_own(user.policy) | dict(policy)
            values["policy"] = print_own({key: rules[key] for key in rules if key not in no_policy})
        stored = read_hash() if hash_stdin else None
        if values:
            user = store.update(user, **cast("Changes", values))
        if stored is not None:
            policies = Policies(invocation.config.policy, store.company_policy)
            keep = policies.of(user).password.history
            user = set_hash(store, user, stored, keep)
        click.echo(f"Changed {plain(user.authid)}.")
        if "authid" in changes:
            warn_of_http(user.authid)

    for_each(context, store, users, modify)


def _changes(given: dict[str, object]) -> dict[str, object]:
    """Return the new values by their fields, from the options that were given."""
    emptied = [name for name in _EMPTY if given.pop(name)]
    changes = {name: value for name, value in given.items() if value is not None and value != ()}
    for name in emptied:
        field = name.removeprefix("no_")
        if field in changes:
            raise click.UsageError(f"Either set the {field.replace('_', ' ')} or empty it.")
        changes[field] = _EMPTY[name]
    return changes
