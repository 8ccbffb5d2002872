"""The colours of service files (pam.d(5))."""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Comment, Keyword, Name, String, Text

_BLANK = r"([ \t]+|\\\n)"
_CONTROL = r"(\[[^\]]*\]|\S+)"


class PamLexer(RegexLexer):
    """Module type, control, module, arguments; comments; `@include`."""

    name = "PAM service file"
    aliases: ClassVar[list[str]] = ["pam"]
    filenames: ClassVar[list[str]] = []
    url = "https://man7.org/linux/man-pages/man5/pam.d.5.html"
    version_added = ""

    tokens: ClassVar = {
        "root": [
            (r"#.*", Comment.Single),
            (r"(@include)([ \t]+)(\S+)", bygroups(Keyword, Text, Name.Function)),
            (
                rf"(-?(?:auth|account|password|session)){_BLANK}{_CONTROL}{_BLANK}(\S+)",
                bygroups(Keyword.Type, Text, Keyword, Text, Name.Function),
                "arguments",
            ),
            (r"\s+", Text),
            (r"\S+", Text),
        ],
        "arguments": [
            (r"\\\n", Text),
            (r"\n", Text, "#pop"),
            (r"#.*", Comment.Single),
            (r"\[[^\]]*\]", String),
            (r"([\w-]+)(=)(\S+)", bygroups(Name.Attribute, Text, String)),
            (r"[ \t]+", Text),
            (r"\S+", Name.Attribute),
        ],
    }
