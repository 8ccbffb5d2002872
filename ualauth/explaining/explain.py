"""`ualauth.explain`: what a service would make of a login, without one.

explanation = ualauth.explain("/etc/ualauth", "imap", "jsmith", rhost="192.0.2.7", tls=True)
print(explanation.conclusion, explanation.deciding, explanation.replies["imap"])
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Unpack

from ualauth.codes import Operation, ReturnCode
from ualauth.config.config import Config
from ualauth.contract.credentials import CredentialKind
from ualauth.errors import UnknownService
from ualauth.explaining.answering import Answered, Answers
from ualauth.explaining.assumptions import AnswersKnown, Assumptions
from ualauth.explaining.choices import Choices, every_way
from ualauth.explaining.explanation import Deciding, ExplainedStep, Explanation, Way
from ualauth.explaining.replies import replies_to, replies_to_mechanism
from ualauth.explaining.simulator import Course, Simulator
from ualauth.explaining.supposed import GivenPassword, Suppositions
from ualauth.runtime.arguments import check_arguments, check_peer
from ualauth.runtime.audit_record import AuditRecord
from ualauth.runtime.outcome import Outcome
from ualauth.runtime.peer import Peer
from ualauth.runtime.trace import TraceStep
from ualauth.sasl.mechanism import Mechanism
from ualauth.sasl.registry import mechanism as find_mechanism
from ualauth.sasl.registry import names as mechanism_names
from ualauth.sources.files import Missing
from ualauth.stack.folder import service_name
from ualauth.stack.model import Service

MOST_WAYS = 256
"""Ways that are followed; of a login that may go more, nothing is concluded."""
_YEARS = range(1970, 9999)


def explain(  # noqa: PLR0913 - what a login has
    config: Config | str | os.PathLike[str] | None,
    service: str,
    user: str | None = None,
    *,
    password: str = GivenPassword.RIGHT.value,
    mechanism: str | None = None,
    at: datetime | str | None = None,
    assume: Sequence[str] = (),
    **peer: Unpack[Peer],
) -> Explanation:
    """Return what a service would make of a login, and how; blocks while the USERLIST is read.

    No password is needed, no server is asked but that of the USERLIST, which is opened for
    reading alone, and nothing is counted, logged or noted.

    Args:
        config: As for `Authenticator`.
        service: The service that is asked.
        user: The name as it is typed; without one, the client names no user.
        password: Whether the password, proof, token or ticket is `right`, `wrong`, or `either`.
        mechanism: The SASL mechanism; without one, the password is typed.
        at: When it takes place, as a time or in ISO 8601; without a zone, it is local time.
        assume: What entries answer: `MODULE`, `MODULE=CODE`, `FILE:LINE=CODE`.
        peer: As for `Authenticator.authenticate`.

    Raises:
        ValueError: for a word, a time or an assumption that makes no sense; its text says why.
        UnknownService: if the service has no file of its own.
        ConfigurationError: if the configuration or the service's files cannot be used.

    """
    settings = config if isinstance(config, Config) else Config.load(config)
    with Explainer(settings) as explainer:
        return explainer.explain(
            service, user, password=password, mechanism=mechanism, at=at, assume=assume, **peer
        )


class Explainer(Simulator):
    """Explains logins one after the other; each service is compiled once."""

    def __init__(self, config: Config) -> None:
        """Remember the configuration; opens nothing."""
        super().__init__(config)
        self._compiled: dict[str, Service] = {}

    def explain(  # noqa: PLR0913 - what a login has
        self,
        service: str,
        user: str | None = None,
        *,
        password: str = GivenPassword.RIGHT.value,
        mechanism: str | None = None,
        at: datetime | str | None = None,
        assume: Sequence[str] = (),
        **peer: Unpack[Peer],
    ) -> Explanation:
        """See `explain`."""
        check_arguments(service=service)
        if user is not None:
            check_arguments(user=user)
        check_peer(peer)
        kind = _mechanism(mechanism, user)
        given = _given(password)
        moment = read_moment(at)
        compiled = self.compiled(service)
        assumptions = Assumptions.read(assume, compiled)
        suppositions = Suppositions(given, moment)
        ways, is_complete = self.ways(compiled, user, kind, peer, suppositions, assumptions)
        return Explanation(
            service=compiled.name,
            user=user,
            password=given.value,
            mechanism=None if kind is None else kind.name,
            moment=moment,
            peer=peer,
            assumed=tuple(assume),
            ways=ways,
            is_complete=is_complete,
        )

    def ways(  # noqa: PLR0913, PLR0917 - what a login has
        self,
        service: Service,
        user: str | None,
        kind: type[Mechanism] | None,
        peer: Peer,
        suppositions: Suppositions,
        assumptions: AnswersKnown,
    ) -> tuple[tuple[Way, ...], bool]:
        """Return the ways that a login may go, and whether these are all."""

        def way(choices: Choices) -> Way:
            answers = Answers(suppositions, assumptions, choices)
            return _way(self.run(service, user, kind, peer, answers), answers)

        ways = tuple(islice(every_way(way), MOST_WAYS + 1))
        return ways[:MOST_WAYS], len(ways) <= MOST_WAYS

    def compiled(self, service: str) -> Service:
        """Return a service as its files are now, which has a file of its own.

        Raises:
            UnknownService: if it has none.
            ConfigurationError: if its files cannot be used.

        """
        compiled = self._compiled.get(service)
        if compiled is None:
            folder = self.services.folder
            if isinstance(folder.read(service_name(service, self.config.dialect)), Missing):
                raise UnknownService(
                    f"there is no service file {service[:64]!r} in {self.config.service_folder}"
                )
            compiled = self._compiled[service] = self.services.compile(service)
        return compiled


def read_moment(at: datetime | str | None) -> datetime:
    """Return a time in UTC; without a zone, it is local time, and without a time it is now.

    Raises:
        ValueError: for what is no time, or none that a login may take place at.

    """
    if at is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
        # That of the host, as it was then.
        moment = moment.astimezone(UTC)
        years = moment.year
    except (ValueError, OverflowError, OSError):
        years = 0
    if years not in _YEARS:
        raise ValueError(
            f"{str(at)[:64]!r} is no time from {_YEARS[0]} to {_YEARS[-1]}: write it as in "
            "2026-11-29T09:12 (local time), 2026-11-29T09:12Z or 2026-11-29T09:12+01:00"
        )
    return moment


def _given(password: str) -> GivenPassword:
    try:
        return GivenPassword(password)
    except ValueError:
        # Not the word itself: it may be the password.
        words = ", ".join(each.value for each in GivenPassword)
        raise ValueError(f"password is one of {words}, and never the password itself") from None


def _mechanism(name: str | None, user: str | None) -> type[Mechanism] | None:
    if name is None:
        return None
    kind = find_mechanism(name)
    if kind is None:
        known = ", ".join(mechanism_names())
        raise ValueError(f"there is no mechanism {name[:64]!r}; there are: {known}")
    if user is None and kind.credential_kind is not CredentialKind.NOTHING:
        raise ValueError(f"the client names a user by {kind.name}: say which")
    return kind


def _way(course: Course, answers: Answers) -> Way:
    record = course.record
    outcome = record.outcome or Outcome.REFUSED
    steps = list(zip(course.trace, answers.bases, strict=False))
    if course.why_not_offered:
        replies = replies_to_mechanism(record.mechanism or "", needs_tls=course.needs_tls)
    else:
        replies = replies_to(outcome)
    return Way(
        choices=tuple(answers.choices),
        outcome=outcome,
        operation=record.operation,
        code=record.code,
        reason=record.reason,
        remark=course.why_not_offered or record.remark,
        deciding=_letting_in(steps) if outcome is Outcome.GRANTED else _deciding(record),
        steps=tuple(ExplainedStep(step, answered.basis) for step, answered in steps),
        replies=replies,
        messages=course.messages,
        record=record,
    )


def _deciding(record: AuditRecord) -> Deciding | None:
    if record.entry is None:
        return None
    file, _, line = record.entry.rpartition(":")
    return Deciding(file, int(line), record.module or "", record.remark, record.through)


def _letting_in(steps: Sequence[tuple[TraceStep, Answered]]) -> Deciding | None:
    """Return the entry by which the auth stack lets a user in.

    That is the last one that proves a credential, or else the last one that succeeds: an
    administrator wants to know whose password it was, and not that `pam_permit` ends the stack.
    """
    succeeding = [
        (place, answered.proves)
        for place, (step, answered) in enumerate(steps)
        if step.operation is Operation.AUTHENTICATE
        and step.code is ReturnCode.SUCCESS
        and step.action not in _UNDONE
    ]
    if not succeeding:
        return None
    place = max(succeeding, key=lambda each: (each[1], each[0]))[0]
    step = steps[place][0]
    through: list[str] = []
    depth = step.depth
    for before, _ in reversed(steps[:place]):
        if before.depth < depth:
            through.insert(0, f"{before.file}:{before.line}")
            depth = before.depth
    return Deciding(step.file, step.line, step.module, step.remark, tuple(through))


_UNDONE = ("ignore", "bad", "die", "reset")
"""Actions with which a success counts for nothing."""
