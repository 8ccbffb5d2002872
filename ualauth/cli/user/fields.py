"""The options that stand for a user's fields; `add` and `modify` share them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click

from ualauth.errors import InvalidValue
from ualauth.identity import MailboxClass
from ualauth.userlist.names import ORName, parse

F = TypeVar("F", bound=Callable[..., Any])


class _Name(click.ParamType[ORName]):
    name = "O/R name"

    def convert(self, value: Any, param: Any, ctx: Any) -> ORName:  # noqa: ANN401 - as click has it
        """Read either form."""
        try:
            return value if isinstance(value, ORName) else parse(value)
        except InvalidValue as error:
            self.fail(str(error), param, ctx)


class _Moment(click.ParamType):
    name = "date"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:  # noqa: ANN401 - likewise
        """Read a date or time; without a zone it is this host's."""
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            return moment.astimezone()
        except (ValueError, OverflowError, OSError):
            self.fail(f"{value!r} is no date like 2030-12-31 or 2030-12-31T18:00+01:00", param, ctx)
