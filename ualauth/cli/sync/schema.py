"""`ualauth sync schema`."""

from __future__ import annotations

import click

from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json
from ualauth.cli.plain import plain
from ualauth.sync import store as agreements
from ualauth.sync.failures import SyncUnavailable
from ualauth.sync.schema import ARC, active_directory_ldif, openldap_ldif, status

_OPENLDAP, _ACTIVE_DIRECTORY = "openldap", "active-directory"


@click.command("schema")
@click.argument("directory", required=False, type=click.Choice([_OPENLDAP, _ACTIVE_DIRECTORY]))
@click.option("--base", metavar="DN", help="The root domain of the forest of Active Directory.")
@click.option(
    "--oid", "arc", default=ARC, metavar="OID", help="An arc of your own in place of ours."
)
@click.option(
    "--status",
    "name",
    metavar="NAME",
    help="Say which attributes and classes the server of an agreement has already; status 1 if "
    "not all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON.")
@click.pass_context
def command(  # noqa: PLR0913 - the options
    context: click.Context,
    *,
    directory: str | None,
    base: str | None,
    arc: str,
    name: str | None,
    as_json: bool,
) -> None:
    """Write the schema of the scalix attributes, as LDIF.

    For OpenLDAP, ldapadd -Y EXTERNAL -H ldapi:/// takes it; for Active Directory, ldapmodify, as
    a schema administrator. What was added to Active Directory stays there for ever.
    """
    if (name is None) == (directory is None):
        raise click.UsageError("Name a directory, or --status with an agreement.")
    if directory == _ACTIVE_DIRECTORY and base is None:
        raise click.UsageError("For Active Directory, --base is needed, as DC=example,DC=com.")
    if name is None:
        is_openldap = directory == _OPENLDAP
        text = openldap_ldif(arc) if is_openldap else active_directory_ldif(base or "", arc)
        click.echo(text, nl=False)
        return
    invocation: Invocation = context.obj
    stored = invocation.store.transaction(lambda connection: agreements.get(connection, name))
    try:
        known = status(stored.agreement)
    except SyncUnavailable as error:
        click.echo(f"Error: {plain(str(error))}", err=True)
        context.exit(ExitStatus.TEMPORARY)
    if as_json:
        print_json(known)
    else:
        for each, is_there in known.items():
            click.echo(f"{each}  {'is there' if is_there else 'is missing'}")
    if not all(known.values()):
        context.exit(ExitStatus.REFUSED)
