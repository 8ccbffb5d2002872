"""`[submission]` of `ualauth.toml`: how much mail users and hosts may submit."""

from __future__ import annotations

from ualauth.sources.values import out_of_bounds
from ualauth.system.networks import Network, read_network
from ualauth.text.dataclass import dataclass
from ualauth.userlist.policy import MOST_PER_HOUR, SubmissionRules


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionSettings(SubmissionRules):
    """`[submission]`: how much mail users may submit, and the clients of a source together.

    In any hour these are at most `messages_per_hour` of a user, to `recipients_per_hour` in all,
    and `source_messages_per_hour` and `source_recipients_per_hour` of a source (0: as many as
    there may be). Clients in `exempt_networks`, and on this host, are counted as no source. A user
    who is refused `lock_factor` times as much is locked for `smtpd.auth` (0: never).
    """

    source_messages_per_hour: int = 0
    source_recipients_per_hour: int = 0
    exempt_networks: tuple[str, ...] = ()

    @property
    def rules(self) -> SubmissionRules:
        """The rules of users without their own."""
        return SubmissionRules(
            messages_per_hour=self.messages_per_hour,
            recipients_per_hour=self.recipients_per_hour,
            lock_factor=self.lock_factor,
        )

    @property
    def of_sources(self) -> SubmissionRules:
        """The rules of a source."""
        return SubmissionRules(
            messages_per_hour=self.source_messages_per_hour,
            recipients_per_hour=self.source_recipients_per_hour,
            lock_factor=0,
        )

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks whose clients are counted as no source."""
        return tuple(map(read_network, self.exempt_networks))

    def mistakes(self) -> list[str]:
        """See `SubmissionRules.mistakes`."""
        names = ("source_messages_per_hour", "source_recipients_per_hour")
        mistakes = SubmissionRules.mistakes(self)
        mistakes += out_of_bounds(self, dict.fromkeys(names, (0, MOST_PER_HOUR)))
        for text in self.exempt_networks:
            try:
                read_network(text)
            except ValueError as error:
                mistakes.append(f"exempt_networks: {error}")
        return mistakes
