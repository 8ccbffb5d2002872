"""Files that a caller names, which `--as` takes none of."""

from __future__ import annotations

import os

import click


class CallersFile(click.Path):
    """A file, or `-`; with `--as`, only `-`.

    Who acts for a company by `sudo`, or from a web page, has fewer rights than the program: it
    would read any file for them, or write over it.
    """

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        """See `click.ParamType.convert`."""
        acts = ctx is not None and ctx.find_root().params.get("actor") is not None
        if acts and value != "-":
            self.fail("with --as, only - is taken: the caller's shell opens files", param, ctx)
        return super().convert(value, param, ctx)
