"""A configuration folder, written by a test.

    folder = ConfigFolder(tmp_path)
    folder.service("pop3", "auth required vacation")
    folder.module("vacation", Vacation)
    authenticator = Authenticator(folder.config())

`Vacation` may be a class of the test's own module.
"""

from __future__ import annotations

import dataclasses
import textwrap
from pathlib import Path
from typing import Any

from ualauth.config.config import FILE_NAME, Config, ModuleSettings
from ualauth.contract.module import Module

_INSTALLED = '''\
import sys


class Installed(sys.modules[{module!r}].{name}):
    """The class of a test, made known to the registry as a file's own."""
'''


class ConfigFolder:
    """A folder like `/etc/ualauth`, and how to put things there."""

    def __init__(self, path: Path) -> None:
        """Create the folder for the service files in it."""
        self.path = path
        self.services = path / "pam.d"
        self.services.mkdir(parents=True, exist_ok=True)
        # A relative folder of modules would be looked for in the configuration folder.
        self._modules = path.absolute() / "modules"

    def service(self, name: str, text: str | bytes) -> Path:
        """Write a service file; text may be indented as a whole."""
        path = self.services / name
        data = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
        path.write_bytes(data)
        return path

    def settings(self, text: str) -> Path:
        """Write `ualauth.toml`."""
        path = self.path / FILE_NAME
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def module(self, name: str, kind: type[Module[Any]]) -> Path:
        """Make a class known to service files as `name`; it must stand at the top level."""
        if "." in kind.__qualname__:
            raise ValueError(f"{kind.__qualname__} does not stand at the top level")
        self._modules.mkdir(exist_ok=True)
        path = self._modules / f"{name}.py"
        text = _INSTALLED.format(module=kind.__module__, name=kind.__name__)
        path.write_text(text, encoding="utf-8")
        return path

    def config(self) -> Config:
        """Load the settings; the modules of `module` are among them."""
        config = Config.load(self.path)
        if not self._modules.exists():
            return config
        path = (*config.modules.path, str(self._modules))
        return dataclasses.replace(config, modules=ModuleSettings(path, config.modules.allow))
