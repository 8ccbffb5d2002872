"""The command line: arguments in, output out, no logic.

Internal: it may change in any release.
"""

from __future__ import annotations


def main() -> None:
    """Run the program `ualauth`; never returns."""
    import io  # noqa: PLC0415 - `import ualauth.cli` stays free of cost
    import sys  # noqa: PLC0415 - likewise

    from ualauth.cli.application import application  # noqa: PLC0415 - likewise

    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a terminal's encoding lacks is shown escaped, as stderr does.
        sys.stdout.reconfigure(errors="backslashreplace")
    application(prog_name="ualauth")
