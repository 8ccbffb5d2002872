"""What a server needs to apply the submission access rules: file, settings, own host."""

from __future__ import annotations

from pathlib import Path

from ualauth.errors import ConfigurationError
from ualauth.smtp_access.access_file import AccessFile
from ualauth.smtp_access.events import ALL_EVENTS, Event
from ualauth.smtp_access.hosts import OwnHost
from ualauth.smtp_access.parse import Parsed
from ualauth.smtp_access.session import AccessSession
from ualauth.smtp_access.settings import SmtpAccessSettings
from ualauth.sources.problem import Problem, Source


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

    def check(self, candidate: Parsed | None = None, path: str = "") -> Parsed:
        """Read the file now; return what is wrong with it, and with it and the settings together.

        A candidate, with its path, is looked at in place of the file. What is in use is not
        touched.
        """
        parsed = self.file.check() if candidate is None else candidate
        compared = self.settings.compared
        ruled = {rule.event for rule in parsed.rules.every_rule()}
        if not compared or not parsed.sound or Event.AUTH_MISMATCH in ruled:
            return parsed
        problem = Problem(
            Source(path or str(self.file.path), 1, 1),
            f"[smtp_access] says to compare {' and '.join(compared)}, and no rule is about it",
            "add a line such as: AUTH_MISMATCH Reject *",
            warning=True,
        )
        return Parsed(parsed.rules, (*parsed.problems, problem))

    def session(
        self, events: frozenset[Event] = ALL_EVENTS, server_name: str | None = None
    ) -> AccessSession:
        """Return a session for a client that has just connected, by the rules as they are now.

        `events` are those that are looked at. `server_name` is what the server calls itself,
        if it is another one than that of all sessions.

        Raises:
            AccessRulesError: if the file cannot be used, and never could.

        """
        return AccessSession(
            self.file.load(),
            OwnHost.of(self.settings.own_host, server_name) if server_name else self.own_host,
            compare_from=self.settings.compare_from,
            compare_sender=self.settings.compare_sender,
            compare_resent_from=self.settings.compare_resent_from,
            events=events,
        )
