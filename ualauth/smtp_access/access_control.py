"""What a server needs to apply the submission access rules: file, settings, own host."""

from __future__ import annotations

from pathlib import Path

from ualauth.errors import ConfigurationError
from ualauth.smtp_access.access_file import AccessFile
from ualauth.smtp_access.events import ALL_EVENTS, Event
from ualauth.smtp_access.hosts import OwnHost
from ualauth.smtp_access.session import AccessSession
from ualauth.smtp_access.settings import SmtpAccessSettings


class AccessControl:
    """The submission access rules of a configuration folder; one serves every client."""

    def __init__(
        self,
        directory: Path,
        settings: SmtpAccessSettings,
        server_name: str | None = None,
    ) -> None:
        """Keep the settings; `server_name` is what the server calls itself.

        Raises:
            ConfigurationError: if the settings name no host as the own one.

        """
        self.file = AccessFile(directory)
        self.settings = settings
        try:
            self.own_host = OwnHost.of(settings.own_host, server_name)
        except ValueError as error:
            raise ConfigurationError(f"[smtp_access] own_host: {error}") from None

    def session(self, events: frozenset[Event] = ALL_EVENTS) -> AccessSession:
        """Return a session for a client that has just connected, by the rules as they are now.

        `events` are those that are looked at.

        Raises:
            AccessRulesError: if the file cannot be used, and never could.

        """
        return AccessSession(
            self.file.load(),
            self.own_host,
            compare_from=self.settings.compare_from,
            events=events,
        )
