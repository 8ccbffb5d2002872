"""The rules of the configuration folder, or why there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ualauth.cli.invocation import Invocation
from ualauth.errors import ModuleUnavailable

if TYPE_CHECKING:
    from ualauth.smtp_access.access_control import AccessControl


def access_control(invocation: Invocation) -> AccessControl:
    """Return the rules with the settings.

    Raises:
        ModuleUnavailable: if a library is missing.

    """
    try:
        from ualauth.smtp_access.access_control import AccessControl  # noqa: PLC0415 - an extra
    except ImportError as error:
        text = f"smtp-access: {error}; try pip install 'ualauth[smtp-access]'"
        raise ModuleUnavailable(text) from error
    return AccessControl(invocation.config.directory, invocation.config.smtp_access)
