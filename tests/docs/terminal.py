"""The coloured terminal of the README: a real login to the demonstration, as SVG.

usage: python -m tests.docs.terminal

Writes it anew. The letters are those of the reader's system: nothing is loaded from elsewhere.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.docs.pages import ROOT

PICTURE = ROOT / "docs" / "pictures" / "terminal.svg"
COMMAND = "ualauth --config-dir demo test-auth pop3 locked --trace"
PASSWORD = "correct horse"
COLUMNS = 84
_FONT_FACE = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)
_FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"


def shown(demonstration: Path) -> Text:
    """Return what a terminal shows of the command, in a folder that has `demo`."""
    environment = {
        "COLUMNS": str(COLUMNS),
        "FORCE_COLOR": "1",
        "LC_ALL": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TERM": "xterm-256color",
    }
    done = subprocess.run(
        ["sh", "-c", f"{COMMAND} --password-stdin"],
        cwd=demonstration.parent,
        env=environment,
        input=f"{PASSWORD}\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = "\n".join(line.rstrip() for line in done.stdout.rstrip().split("\n"))
    prompt = Text.assemble(("$ ", "bold green"), COMMAND, "\nPassword:\n")
    return prompt + Text.from_ansi(lines)


def drawn(demonstration: Path) -> str:
    """Return the picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(shown(demonstration), soft_wrap=True)
    svg = console.export_svg(
        title="ualauth",
        theme=MONOKAI,
        code_format=_FONT_FACE.sub("", CONSOLE_SVG_FORMAT).replace("Fira Code", "FONTS"),
        unique_id="terminal",
    )
    text = re.sub(r"FONTS(, monospace)?", _FONTS, svg)
    return "\n".join(line.rstrip() for line in text.rstrip().split("\n")) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "demo"
        command: list[str | Path] = [sys.executable, ROOT / "examples" / "demo.py", folder]
        subprocess.run(command, check=True, capture_output=True)
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_text(drawn(folder), encoding="utf-8")
