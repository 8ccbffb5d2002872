"""What both ways in share: the services, the modules and what they use.

Everything is opened and imported when it is first needed, so that a service
that needs no USERLIST never loads the libraries behind it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from ualauth.codes import Operation, ReturnCode
from ualauth.config.config import Config
from ualauth.contract.credentials import NameKind
from ualauth.errors import MechanismUnavailable
from ualauth.reasons import ReasonCode
from ualauth.runtime import audit
from ualauth.runtime.arguments import USUAL_OF_PEER, check_peer
from ualauth.runtime.attempt import RunningAttempt
from ualauth.runtime.handle import Handle, Identities
from ualauth.runtime.items import Items
from ualauth.runtime.observer import Composition, Observer
from ualauth.runtime.outcome import Outcome
from ualauth.runtime.peer import ConnectionInfo, Peer
from ualauth.runtime.remembered_verdicts import RememberedVerdicts
from ualauth.runtime.resources import Resources
from ualauth.runtime.sasl_login import SaslLogin
from ualauth.runtime.trace import Reason
from ualauth.runtime.users import NoUserlist
from ualauth.sasl.certificate import owner_of
from ualauth.sasl.mechanism import AT_BEST, SAFE, UNSAFE, Channel, Wire
from ualauth.sasl.offer import (
    is_allowed,
    is_offered,
    log_not_allowed,
    offered,
    offers_binding,
)
from ualauth.sasl.registry import mechanism
from ualauth.sasl.settings import WITHOUT_TYPED, OfferRules
from ualauth.sources.watched import CHECK_INTERVAL
from ualauth.stack.engine import Frozen
from ualauth.stack.folder import ServiceFolder
from ualauth.stack.model import Service
from ualauth.stack.registry import ModuleRegistry
from ualauth.stack.services import Services
from ualauth.system.forks import new_lock
from ualauth.userlist.failure_counts import FailureStore
from ualauth.userlist.guesses import GuessLimiter

if TYPE_CHECKING:
    from ualauth.contract.account import Account, Memberships
    from ualauth.contract.identity import Identity, Person
    from ualauth.runtime.revocations import Revocations
    from ualauth.userlist.cache import UserCache


_PEER = Peer.__optional_keys__
_LONGEST_NAME = 20
"""Characters of a mechanism's name (RFC 4422, section 3.1)."""
_OF_CHANNEL = ConnectionInfo.__optional_keys__ - _PEER


class BaseAuthenticator:
    """Builds handles from a configuration."""

    def __init__(self, config: Config, observers: Iterable[Observer] = ()) -> None:
        """Remember the configuration; opens nothing."""
        self.config = config
        composition = Composition(observers)
        self.kind = composition.kind
        """Returns the class that takes the place of one, for what a way in is built of."""
        self.login = composition.login
        self.repeat = composition.repeat
        self.perform = composition.perform
        self._sasl_login = composition.sasl_login
        self._not_offered = composition.not_offered
        path = [str(config.directory / folder) for folder in config.modules.path]
        self.registry = ModuleRegistry(path, config.modules.allow, str(config.directory))
        self._usual_rules = config.sasl.of_service("", None)
        self._own_rules = {
            name: config.offer_rules(name) for name in (*config.service, *WITHOUT_TYPED)
        }
        self.services = self.kind(Services)(
            ServiceFolder(config.service_folder, trusting=config.dialect.trusting),
            self.registry.find,
            config.dialect,
            takes_passwords=lambda name: self.offer_rules(name).takes_passwords,
            observe=composition.observe,
        )
        self._load = self.services.load
        self._frozen = Frozen(config.dialect.jump_counts_when_frozen)
        self._guesses = self.kind(GuessLimiter)(
            config.policy.lockout, self._failure_store, lambda: self._users
        )
        # What is counted in this process alone outlives its connections.
        self.resources = Resources(config, {GuessLimiter: self._guesses}, self.kind)
        self.resource = self.resources.resource
        """See `Attempt.resource`."""
        self._writes = bool(config.audit.file)
        self._users: UserCache | None = None
        self._identities: Identities = {}
        self._no_userlist_until = 0.0
        self._lock = new_lock()
        self._revocations: Revocations | None = None
        self.is_observed = composition.observe is not None or self._writes
        """Whether logins are told of beside the log: to observers, or in a file."""
        self.verdicts: RememberedVerdicts | None = None
        """`None` if `[cache]` says that no verdict is remembered."""
        if config.cache.verdicts and config.cache.lifetime > 0:
            self.verdicts = RememberedVerdicts(
                config.cache.size,
                config.cache.lifetime,
                load=self._load,
                find_users=lambda: self._users,
                has_userlist=lambda: config.has_userlist,
                observe=composition.observe,
            )

    def offer_rules(self, service: str) -> OfferRules:
        """Return what a compiled service may offer."""
        return self._own_rules.get(service, self._usual_rules)

    def handle(self, service: str, user: str | None, peer: Peer) -> Handle:
        """Begin a login of `user` to `service`.

        Raises:
            TypeError: for what a peer does not have, or a value of a wrong type.
            ConfigurationError: the service is unknown or its files cannot be used.

        """
        for name, value in peer.items():
            if type(value) is not USUAL_OF_PEER.get(name):
                check_peer(peer)
                break
        return self._handle(self.services.load(service), user, peer)

    def _handle(self, compiled: Service, user: str | None, peer: Peer) -> Handle:
        users = self if self._users is None else self._users
        items = Items(compiled.name, user)
        for name, value in peer.items():
            setattr(items, name, value)
        attempt = RunningAttempt(items, self.resource, users)
        handle = Handle(compiled, attempt, self._load, self._frozen, self._identities)
        if self._writes:
            handle.writes = True
        return handle

    def mechanisms(self, service: str, connection: ConnectionInfo) -> list[str]:
        """Return the names of the SASL mechanisms to offer, the strongest first.

        Raises:
            ConfigurationError: the service is unknown or its files cannot be used.

        """
        compiled = self.services.load(service)
        rules = self.offer_rules(compiled.name)
        channel = self._channel(connection)
        return [kind.name for kind in offered(compiled.verifiers, rules, channel)]

    def exchange(self, service: str, name: str, connection: ConnectionInfo) -> SaslLogin:
        """Begin a SASL exchange by the mechanism `name`, in any case.

        Raises:
            ConfigurationError: the service is unknown or its files cannot be used.
            MechanismUnavailable: if the service does not offer it on this connection.

        """
        compiled = self.services.load(service)
        rules = self._own_rules.get(compiled.name, self._usual_rules)
        verifiers = compiled.verifiers
        channel = self._channel(connection)
        kind = mechanism(name)
        if kind is None or not is_offered(kind, verifiers, rules, channel):
            safe = kind is not None and is_offered(kind, verifiers, rules, AT_BEST)
            if kind is not None and not is_allowed(kind, rules):
                log_not_allowed(compiled.name, kind, rules, connection.get("rhost"))
            needs_tls = safe and not channel.tls
            self._not_offered(compiled.name, name)
            if self._writes or audit.is_wanted(Outcome.REFUSED, audit.MECHANISM):
                self._record_not_offered(compiled, name, connection, needs_tls=needs_tls)
            raise MechanismUnavailable(name, needs_tls=needs_tls)
        if channel.bindings:
            channel = replace(channel, offers_plus=offers_binding(verifiers, rules, channel))
        # A login takes what it knows, and nothing of the channel.
        peer: Peer = connection
        if not _OF_CHANNEL.isdisjoint(connection):
            peer = cast("Peer", {key: value for key, value in connection.items() if key in _PEER})
        handle = self._handle(compiled, None, peer)
        handle.go_by_steps()
        return self._sasl_login(
            handle,
            kind(),
            Wire(handle.attempt, channel, verifiers[kind.credential_kind]),
            self.config.authorization,
            lambda user: self._handle(compiled, user, peer),
            self.verdicts,
        )

    def _record_not_offered(
        self, compiled: Service, name: str, connection: ConnectionInfo, *, needs_tls: bool
    ) -> None:
        """Make the audit record of a mechanism that a client asked for in vain."""
        peer = cast("Peer", {key: value for key, value in connection.items() if key in _PEER})
        self.record_not_offered(self._handle(compiled, None, peer), name, needs_tls=needs_tls)

    @staticmethod
    def record_not_offered(handle: Handle, name: str, *, needs_tls: bool) -> None:
        """Make the audit record of a login that ends as the mechanism `name` is not offered."""
        handle.items.mechanism = ascii(name[:_LONGEST_NAME])[1:-1].upper()
        reason = ReasonCode.TLS_REQUIRED if needs_tls else ReasonCode.MECHANISM_NOT_OFFERED
        why = "it needs TLS" if needs_tls else "the service does not offer it on this connection"
        handle.own_reason = Reason(reason, remark=why)
        operation, code = Operation.AUTHENTICATE, ReturnCode.CRED_UNAVAIL
        handle.started = time.monotonic()
        handle.record(audit.MECHANISM, operation, code, outcome=Outcome.REFUSED)

    def _channel(self, connection: ConnectionInfo) -> Channel:
        """Return what a connection is like, as mechanisms see it."""
        bindings = connection.get("channel_binding")
        certificate = connection.get("certificate")
        if not bindings and certificate is None:
            return SAFE if connection.get("tls") else UNSAFE
        channel = Channel(tls=connection.get("tls", False), bindings=bindings or {})
        if certificate is None:
            return channel
        name, kind = owner_of(certificate, self.config.sasl.certificate_names)
        return replace(channel, certificate_name=name, certificate_name_kind=kind)

    def recall(self, name: str, kind: NameKind = NameKind.TYPED) -> Account | None:
        """Return whom the USERLIST is known for sure to have by that name; never waits.

        Raises:
            NoUserlist: if there was none a moment ago.

        """
        users = self._users
        if users is not None:
            return users.recall(name, kind)
        if time.monotonic() < self._no_userlist_until:
            raise NoUserlist
        return None

    def read(self, name: str, kind: NameKind = NameKind.TYPED) -> Account | None:
        """Return whom the USERLIST has by that name, or `None` if there is none; blocks.

        Raises:
            StoreError: if the USERLIST cannot be read.
            NoUserlist: if there is none.

        """
        if self._users is None:
            if not self.config.has_userlist:
                self._no_userlist_until = time.monotonic() + CHECK_INTERVAL
                raise NoUserlist
            from ualauth.userlist.cache import UserCache  # noqa: PLC0415 - loads SQLAlchemy

            self._users = self.resource(UserCache)
        return self._users.read(name, kind)

    def recall_groups(self, account: Any, names: Iterable[str]) -> Memberships | None:  # noqa: ANN401 - of the store
        """See `Users.recall_groups`."""
        return None if self._users is None else self._users.recall_groups(account, names)

    def read_groups(self, account: Any, names: Iterable[str]) -> Memberships:  # noqa: ANN401 - likewise
        """See `Users.read_groups`."""
        if self._users is None:
            raise NoUserlist
        return self._users.read_groups(account, names)

    def groups(self, identity: Identity) -> tuple[str, ...]:
        """See `Authenticator.groups`."""
        return () if identity.anonymous else self.groups_of(identity.authid)

    def groups_of(self, authid: str) -> tuple[str, ...]:
        """Return the same of the user with exactly this authid."""
        try:
            account: Any = self.read(authid, NameKind.AUTHID)
        except NoUserlist:
            return ()
        users = self._users
        return () if account is None or users is None else users.names_of_groups(account)

    def forget(self, names: Collection[str]) -> int:
        """Forget what is remembered of users by these names, of all without names.

        Returns:
            How many logins were remembered.

        """
        number = 0 if self.verdicts is None else self.verdicts.forget(names)
        if self._users is not None:
            self._users.forget_all()
        return number

    def person(self, name: str) -> Person | None:
        """See `Authenticator.person`."""
        try:
            account = self.read(name, NameKind.ADDRESS)
        except NoUserlist:
            return None
        return None if account is None else account.person

    def revocations(self) -> Revocations:
        """See `Authenticator.revocations`."""
        if self._revocations is None:
            from ualauth.runtime.revocations import Revocations  # noqa: PLC0415 - few servers need it
            from ualauth.userlist.cache import UserCache  # noqa: PLC0415 - loads SQLAlchemy

            with self._lock:
                if self._revocations is None:
                    self._revocations = Revocations(lambda: self.resource(UserCache))
        return self._revocations

    def _failure_store(self) -> FailureStore | None:
        """Return where failed logins are counted for all processes, if there is a USERLIST."""
        if self._users is None and not self.config.has_userlist:
            return None
        from ualauth.userlist.store import UserStore  # noqa: PLC0415 - loads SQLAlchemy

        return self.resource(UserStore)

    def close(self) -> None:
        """Close what was opened; it may be opened again."""
        self._guesses.close()
        if self._revocations is not None:
            self._revocations.close()
        if self.verdicts is not None:
            self.verdicts.forget_all()
        self._users = None
        self._identities.clear()
        self.resources.close()
