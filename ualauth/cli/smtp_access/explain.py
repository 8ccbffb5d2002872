"""`ualauth smtp-access explain`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json
from ualauth.cli.smtp_access.rules import access_control

if TYPE_CHECKING:
    from ualauth.smtp_access.hosts import Host
    from ualauth.system.networks import Address

# The same as in ualauth.smtp_access.events, whose package needs libraries of an extra.
_EVENTS = (
    "SUBMIT",
    "ANONYMOUS",
    "AUTH_SUCCESS",
    "AUTH_MISMATCH",
    "RELAY",
    "ORIGINATOR",
    "RECIPIENT",
)


@click.command("explain")
@click.option(
    "--event",
    "events",
    type=click.Choice(_EVENTS, case_sensitive=False),
    multiple=True,
    help="Look at this event only; may be repeated. By default at all that hold.",
)
@click.option(
    "--host",
    metavar="HOST",
    help="The client's host: its address, or the name that was found for it.",
)
@click.option(
    "--name",
    "names",
    metavar="NAME",
    multiple=True,
    help="A name that was found for the address; may be repeated.",
)
@click.option("--look-up", is_flag=True, help="Look up the names of the address in DNS.")
@click.option("--sender", metavar="ADDRESS", help="The sender in the envelope; <> for none.")
@click.option(
    "--recipient",
    "recipients",
    metavar="ADDRESS",
    multiple=True,
    help="A recipient in the envelope; may be repeated.",
)
@click.option("--user", metavar="USER", help="Who is authenticated: a user of the USERLIST.")
@click.option(
    "--from",
    "from_headers",
    metavar="TEXT",
    multiple=True,
    help="The message's From: header, for AUTH_MISMATCH.",
)
@click.option(
    "--sender-header",
    "sender_headers",
    metavar="TEXT",
    multiple=True,
    help="Its Sender: header, if the settings compare it.",
)
@click.option(
    "--resent-from",
    "resent_from_headers",
    metavar="TEXT",
    multiple=True,
    help="Its Resent-From: header, likewise.",
)
@click.option(
    "--resent-sender",
    "resent_sender_headers",
    metavar="TEXT",
    multiple=True,
    help="Its Resent-Sender: header, likewise.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(  # noqa: PLR0913 - one for each option
    context: click.Context,
    *,
    events: Sequence[str],
    host: str | None,
    names: Sequence[str],
    look_up: bool,
    sender: str | None,
    recipients: Sequence[str],
    user: str | None,
    from_headers: Sequence[str],
    sender_headers: Sequence[str],
    resent_from_headers: Sequence[str],
    resent_sender_headers: Sequence[str],
    as_json: bool,
) -> None:
    """Say what the rules do with an attempt to submit a message.

    Goes through the attempt as a server would: the host connects, names the
    sender, names each recipient. Without --user it is anonymous. A
    host that is not named is unknown.

    Exit status: 0 accepted (also to be discarded); 1 rejected; 2 usage or
    configuration; 75 deferred. With several recipients, the mildest
    of their decisions counts.
    """
    if look_up and (names or host is None):
        raise click.UsageError("With --look-up, give the address as --host, and no --name.")
    invocation: Invocation = context.obj
    access = access_control(invocation)
    # The libraries are there now.
    from ualauth.cli.smtp_access.report import print_steps, steps_json  # noqa: PLC0415
    from ualauth.smtp_access.events import Action, Event  # noqa: PLC0415
    from ualauth.smtp_access.explain import Attempt, explain  # noqa: PLC0415

    headers = {
        "From": from_headers,
        "Sender": sender_headers,
        "Resent-From": resent_from_headers,
        "Resent-Sender": resent_sender_headers,
    }
    attempt = Attempt(
        host=_host(host, names, access.settings.lookup_timeout if look_up else None),
        sender=sender,
        recipients=tuple(recipients),
        person=None if user is None else invocation.store.get(user).person(),
        fields=tuple((name, value) for name, values in headers.items() for value in values),
        events=frozenset(Event(name) for name in events) or frozenset(Event),
    )
    missing = attempt.missing()
    if missing:
        raise click.UsageError(missing)
    explained = explain(access, attempt)
    if as_json:
        print_json(steps_json(explained))
    else:
        print_steps(explained, access.file.path)
    status = {Action.REJECT: ExitStatus.REFUSED, Action.DEFER: ExitStatus.TEMPORARY}
    context.exit(status.get(explained.action, ExitStatus.OK))


def _host(text: str | None, names: Sequence[str], timeout: float | None) -> Host:
    from ualauth.smtp_access.domains import domain_form  # noqa: PLC0415 - likewise
    from ualauth.smtp_access.hosts import Host  # noqa: PLC0415 - likewise
    from ualauth.system.networks import read_address  # noqa: PLC0415 - help needs none of them

    address = read_address(text)
    if timeout is not None:
        return _looked_up(address, timeout)
    known = [*names] if address is not None or text is None else [text, *names]
    try:
        return Host(address, tuple(map(domain_form, known)))
    except ValueError as error:
        raise click.UsageError(f"--host, --name: {error}.") from None


def _looked_up(address: Address | None, timeout: float) -> Host:
    from ualauth.smtp_access.dns_resolver import DnsResolver  # noqa: PLC0415 - takes 60 ms
    from ualauth.smtp_access.hosts import Host  # noqa: PLC0415 - as above
    from ualauth.smtp_access.name_lookup import confirmed_names  # noqa: PLC0415 - likewise

    if address is None:
        raise click.UsageError("With --look-up, --host has to be an address.")
    return Host(address, confirmed_names(DnsResolver(), address, timeout))
