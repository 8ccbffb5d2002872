"""Entries by their names, and what a client sees of them; each call blocks.

Every operation looks anew who the client's user is: rights that were taken away are gone for the
next one, and a user who was locked, or has another company, sees no more what was seen before.
What a client may not see is not there (`access`): the USERLIST is asked through its `View`.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ualauth.contract.resources import Resources
from ualauth.errors import ConfigurationError
from ualauth.ldap.server import dn
from ualauth.ldap.server.access import View
from ualauth.ldap.server.attributes import USUAL, AttributeMap, parse
from ualauth.ldap.server.entries import (
    Entry,
    GroupEntry,
    Shape,
    UserEntry,
    groups_entry,
    unit_entry,
)
from ualauth.ldap.server.results import Refusal, ResultCode
from ualauth.ldap.server.tree import GroupAt, GroupsOf, Place, Tree, Unit, UserAt, units_of
from ualauth.sources.files import FileRules
from ualauth.sources.following import Watched
from ualauth.sources.watched import CHECK_INTERVAL
from ualauth.text.folding import fold
from ualauth.userlist.database.view import NOTHING, SERVER_WIDE
from ualauth.userlist.database.view import View as Seen
from ualauth.userlist.listing import Policies
from ualauth.userlist.record_state import RecordState
from ualauth.userlist.store import UserStore

if TYPE_CHECKING:
    from ualauth.contract.identity import Identity
    from ualauth.userlist.group_record import Group
    from ualauth.userlist.mail_nodes import MailNodes
    from ualauth.userlist.policy import Policy
    from ualauth.userlist.record import User

ATTRIBUTE_RULES = FileRules(missing=())
"""How `ldap.attribs` is read: without it, the usual attributes count."""
_MOST_VIEWS = 10_000
_MOST_NODES = 1000

Units = tuple[str, ...]


class Nodes(NamedTuple):
    """Mail nodes, folded units -> as they are written: all, and those that have groups."""

    all: dict[Units, Units]
    of_groups: dict[Units, Units]

    @classmethod
    def of(cls, nodes: MailNodes) -> Self:
        """Return the mail nodes of records, and all above them, in the order of a tree."""
        every: dict[Units, Units] = {}
        for each in sorted({*nodes.of_users, *nodes.of_groups}):
            for count in range(1, len(each) + 1):
                above = each[:count]
                every.setdefault(_folded(above), above)
        of_groups = {_folded(each): each for each in nodes.of_groups}
        return cls(dict(sorted(every.items())), of_groups)


def _folded(units: Units) -> Units:
    return tuple(map(fold, units))


class Lookup:
    """The entries of one application's directory; for many threads."""

    def __init__(self, config: Any, store: UserStore, resources: Resources) -> None:  # noqa: ANN401 - of a layer above
        """Use the settings of a `ualauth.config.config.Config`; opens nothing.

        Raises:
            ConfigurationError: if they name no suffix.

        """
        settings = config.ldap_server
        if not settings.suffix:
            raise ConfigurationError(
                f"{config.directory}/ualauth.toml: [ldap_server] suffix is not set; "
                'write one, as in suffix = "dc=example,dc=com"'
            )
        self.config = config
        self.settings = settings
        self._everything = store
        """All companies: to find out who a client is, and asked for nothing else."""
        self._nothing = View(store.seen_by(NOTHING))
        self.resources = resources
        self.tree = Tree(settings.suffix)
        self._attributes = Watched(
            config.ldap_attributes_path,
            parse,
            ATTRIBUTE_RULES,
            home=str(config.directory),
            interval=CHECK_INTERVAL,
        )
        self._shape: tuple[AttributeMap, Shape] | None = None
        self._detector = store.change_detector()
        self._views: dict[tuple[object, ...], tuple[object, View]] = {}
        self._nodes: dict[tuple[object, ...], tuple[object, Nodes]] = {}

    @classmethod
    def open(cls, resources: Resources) -> Self:
        """See `Resource.open`."""
        return cls(resources.config, resources.resource(UserStore), resources)

    def close(self) -> None:
        """Close what tells of changes; the store is closed by who opened it."""
        self._detector.close()

    @property
    def shape(self) -> Shape:
        """How entries are made now: by the file as it is in use."""
        attributes = self._attributes.current() or USUAL
        if self._shape is None or self._shape[0] is not attributes:
            # The same for all who share the USERLIST, and no secret any more.
            seed = hashlib.sha256(b"entryUUID" + self._everything.mock_key()).hexdigest()[:16]
            self._shape = attributes, Shape.of(self.tree, attributes, seed)
        return self._shape[1]

    def view(self, identity: Identity | None) -> View:
        """Return what a client sees, by the record of its user as it is now.

        Raises:
            Refusal: if companies have to be hosted, and the USERLIST hosts none.

        """
        if identity is None:
            return self._nothing
        state = identity.person.state
        number = state.id if isinstance(state, RecordState) else None
        key = identity.authid, number
        version = self._detector.version()
        known = self._views.get(key)
        if known is not None and version is not None and known[0] == version:
            view = known[1]
        else:
            view = self._view(self._everything.by_authid(identity.authid), number)
            if len(self._views) >= _MOST_VIEWS:
                self._views.clear()
            self._views[key] = version, view
        is_open = view.user is None or view.user.state().is_open(datetime.now(UTC))
        return view if is_open else self._nothing

    def _view(self, user: User | None, number: int | None) -> View:
        """Return what the user sees whom a client logged in as, by the id at its login."""
        if number is not None and (user is None or user.id != number):
            # The name has become another user's.
            return self._nothing
        store = self._everything
        if user is not None and user.company_id is not None:
            seen = Seen.of(user.company_id)
            return View(store.seen_by(seen), _folded(user.name.units[:1]), user)
        # Read after the record: hosting may be switched on meanwhile, and off only to see all.
        is_hosting = store.companies.is_hosting
        if self.config.userlist.hosting and not is_hosting:
            text = "companies have to be hosted, and the USERLIST hosts none"
            raise Refusal(ResultCode.UNAVAILABLE, text)
        if is_hosting and not (user is not None and user.administrator):
            return View(store.seen_by(NOTHING), user=user)
        return View(store.seen_by(SERVER_WIDE), user=user)

    def login_name(self, name: str) -> str:
        """Return by what name the user of an entry logs in; of no entry, the name itself.

        With that, the login is refused as with a wrong password, and takes as long. Who logs in
        is not known yet, so that entries of all companies are looked for.
        """
        place = self.place(name)
        user = _user_at(self._everything, place) if isinstance(place, UserAt) else None
        return name if user is None else user.authid

    def policy_of(self, view: View, user: User) -> Policy:
        """Return the rules for a user: the record's own, the company's, the usual ones."""
        return Policies(self.config.policy, view.store.company_policy).of(user)

    def top(self, view: View) -> str:
        """Return the name of the entry above all that a client sees."""
        return self.tree.tail(self.units(view).get(view.top, view.top) if view.top else ())

    def place(self, name: str) -> Place | None:
        """Return where a name leads; `None` if it is none, or of no entry."""
        try:
            return self.tree.place(dn.parse(name))
        except dn.NotAName:
            return None

    def named(self, view: View, name: str) -> User | None:
        """Return the user, seen or not, whom an entry's name or a login name means."""
        place = self.place(name)
        return self.user_at(view, place) if isinstance(place, UserAt) else view.store.resolve(name)

    def user_at(self, view: View, place: UserAt) -> User | None:
        """Return the user at a place, hidden or not."""
        return _user_at(view.store, place)

    def group_at(self, view: View, place: GroupAt) -> Group | None:
        """Return the group at a place."""
        group = view.store.groups.find(place.name)
        is_it = (
            group is not None
            and fold(group.name) == fold(place.name)
            and units_of(group.or_name) == place.units
        )
        return group if is_it else None

    def entry(self, view: View, name: str) -> Entry:
        """Return the entry with a name.

        Raises:
            Refusal: if there is none that the client sees.

        """
        try:
            parsed = dn.parse(name)
        except dn.NotAName:
            raise Refusal(ResultCode.INVALID_DN_SYNTAX, "this is no name of an entry") from None
        return self.entry_at(view, parsed, self.tree.place(parsed))

    def entry_at(self, view: View, name: dn.Name, place: Place | None) -> Entry:
        """Return the entry with a name that leads to a place; see `entry`."""
        entry = self._entry_at(view, place)
        if entry is None:
            raise self.missing(view, name)
        return entry

    def _entry_at(  # noqa: PLR0911 - a case for each kind
        self, view: View, place: Place | None
    ) -> Entry | None:
        match place:
            case UserAt():
                user = self.user_at(view, place)
                return UserEntry(self.shape, user) if user and view.sees(user) else None
            case GroupAt():
                group = self.group_at(view, place)
                return self.group_entry(view, group) if group and view.sees_group(group) else None
            case Unit(()):
                return unit_entry(self.tree, ()) if view.sees_units(()) else None
            case Unit(units):
                known = self.units(view).get(units)
                return None if known is None else unit_entry(self.tree, known)
            case GroupsOf(units):
                written = self.groups_of(view, units)
                if written is not None:
                    return groups_entry(self.tree, written)
                return self._entry_at(view, Unit((*units, "groups"))) if len(units) < 4 else None
        return None

    def groups_of(self, view: View, units: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return the units of a mail node that has groups, as they are written; else `None`."""
        if not view.sees_units(units):
            return None
        return self.nodes(view).of_groups.get(units) if units else ()

    def units(self, view: View) -> dict[tuple[str, ...], tuple[str, ...]]:
        """Return the mail nodes that a client sees: folded units -> as they are written.

        They are those of users and groups, and all above them, in the order of a tree.
        """
        nodes = self.nodes(view).all.items()
        return {folded: units for folded, units in nodes if view.sees_units(folded)}

    def nodes(self, view: View) -> Nodes:
        """Return the mail nodes that there are for clients like this one."""
        version = self._detector.version()
        key = view.store.view, view.sees_hidden
        known = self._nodes.get(key)
        if known is None or version is None or known[0] != version:
            nodes = view.store.mail_nodes(with_hidden=view.sees_hidden)
            if len(self._nodes) >= _MOST_NODES:
                self._nodes.clear()
            known = self._nodes[key] = version, Nodes.of(nodes)
        return known[1]

    def missing(self, view: View, name: dn.Name) -> Refusal:
        """Return the refusal for an entry that is not there, with the last one above that is."""
        for count in range(1, len(name)):
            above = name[count:]
            if not self.tree.is_below(above):
                break
            entry = self._entry_at(view, self.tree.place(above))
            if entry is not None:
                return Refusal(ResultCode.NO_SUCH_OBJECT, matched=entry.name)
        return Refusal(ResultCode.NO_SUCH_OBJECT)

    def group_entry(self, view: View, group: Group) -> GroupEntry:
        """Return the entry of a group; of its members, those are there whom the client sees."""
        listed = view.store.groups.listed
        return GroupEntry(self.shape, group, lambda each: filter(view.sees_member, listed(each)))


def _user_at(store: UserStore, place: UserAt) -> User | None:
    user = store.resolve(place.authid)
    is_it = (
        user is not None
        and fold(user.authid) == fold(place.authid)
        and units_of(user.name) == place.units
    )
    return user if is_it else None
