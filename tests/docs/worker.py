"""Runs Python blocks in an interpreter of their own: what a reader would see is sent back.

One JSON object a line: `page`, `line` and `text` of a block come in, its output
and what it raised go out.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import traceback
import types


def main() -> None:
    # One for all blocks: what is set up to log in the first still logs in the last.
    shown = io.StringIO()
    # A module in its own right, as dataclasses and the registry expect of classes.
    module = types.ModuleType("page")
    sys.modules["page"] = module
    with (
        os.fdopen(os.dup(1), "w", encoding="utf-8") as answers,
        os.fdopen(os.dup(0), encoding="utf-8") as questions,
        contextlib.redirect_stdout(shown),
        contextlib.redirect_stderr(shown),
    ):
        for question in questions:
            block = json.loads(question)
            start = len(shown.getvalue())
            error = ""
            try:
                # The empty lines give the page's line numbers to tracebacks.
                source = "\n" * block["line"] + block["text"]
                code = compile(source, block["page"], "exec", dont_inherit=True)
                exec(code, vars(module))
            except Exception:  # noqa: BLE001 - whatever the page does
                error = traceback.format_exc()
            answer = {"output": shown.getvalue()[start:], "error": error}
            answers.write(f"{json.dumps(answer)}\n")
            answers.flush()


if __name__ == "__main__":
    main()
