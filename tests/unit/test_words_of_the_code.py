"""One word for each thing: what the code and its pages no longer say, and what they say instead.

Names are what the tokenizer finds; prose is comments, docstrings and other texts of the code,
the pages without their code, and the comments of the shipped service files. Of tests, whose
other texts are names of users and what programs say, only comments and docstrings are prose.
Local names and private ones of both say what they hold, and not how it came.
A use that is right stands in `ALLOWED`, by its place and with its reason.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, prose

PYTHON = sorted([*(ROOT / "ualauth").rglob("*.py"), *(ROOT / "examples").rglob("*.py")])
TESTS = sorted({*(ROOT / "tests").rglob("*.py")} - {Path(__file__)})
SERVICE_FILES = sorted(path for path in (ROOT / "stacks").rglob("*") if path.is_file())
NEW_NAMES: Mapping[str, str] = {
    "Arrival": "PendingConnection",
    "Hiding": "SecretFilter",
    "Known": "Account",
    "Link": "Connection",
    "OnLink": "Operations",
    "Proof": "CredentialKind",
    "TWIN": "SHARED_WITH",
    "Turn": "Waiter (asyncio)",
    "def after": "resume_after",
    "def mark": "version",
    "def _fault": "code_of_exception",
    "_hire": "_start_thread",
    "_introduce": "_bind_as_service",
    "_labour": "_run",
    "_stand_back": "_set_nice",
    "is_at_home": "is_trusted_source",
    "is_clear": "has_no_failures",
    "judges": "verifies",
    "link": "connection",
    "memory": "cached_codes (Linux-PAM's cached_retval), or what is in memory",
    "proof": "credential",
    "there": "existing",
    "twice": "duplicates",
    "twin": "shared_with",
    "whole": "with_users, or what it is",
}
"""Names that are not used, with or without another underscore before them."""
NEW_WORDS_IN_NAMES: Mapping[str, str] = {
    "begin_anew": "forget_nested, or what begins",
    "believed": "trusted",
    "burn": "dummy_verify (passlib)",
    "freshness": "change_detector",
    "hiding": "secret_filter",
    "memo": "verified_passwords",
    "pretence": "mock (PostgreSQL's mock secrets)",
    "pretend": "mock",
    "seal": "prefix",
    "settle": "decide_once; conclude, of a guess",
}
"""Words that no name has among its own."""
HOW_A_VALUE_CAME = frozenset({"found", "kept", "made"})
"""What local names and private ones do not say: they say what they hold."""
NEW_WORDS: Mapping[str, str] = {
    "visit": "transaction (the application's), attempt (a module's), handle (the library's); login",
    "visitor": "attempt",
    **dict.fromkeys(
        ("nobody", "somebody", "whoever", "everybody", "anybody", "everyone", "someone", "anyone"),
        "the user, caller, client, module, thread or administrator who is meant",
    ),
}
"""Words of neither names nor prose."""
NEW_WORDS_IN_PROSE: Mapping[str, str] = {
    **NEW_WORDS,
    "believed": "trusted",
    "memo": "verified password, or its prefix",
    "pretence": "mock",
    "pretended": "mock",
}
ALLOWED: Mapping[tuple[str, str], str] = {
    ("ualauth/import_export/passwd.py", "nobody"): "the UNIX user",
    ("ualauth/modules/pam_permit.py", "nobody"): "the UNIX user, as in Linux-PAM's pam_permit",
    ("stacks/examples/administrators", "nobody"): "the UNIX user",
    ("examples/scram_client.py", "proof"): "ClientProof of RFC 5802, section 3",
    ("examples/own_module/test_htpasswd.py", "nobody"): "a login name that no user has",
    ("examples/demo.py", "nobody"): "a login name that no user has",
    ("ualauth/userlist/account/lockout.py", "nobody"): "part of digests in the USERLIST",
    ("ualauth/userlist/store.py", "pretence"): "the name of a row in the USERLIST",
    (
        "ualauth/userlist/database/migrations/versions/0003_keys.py",
        "pretence",
    ): "the name of a row in the USERLIST",
    ("ualauth/sasl/scram.py", "proof"): "ClientProof of RFC 5802, section 3",
    ("docs/administrators/active-directory.md", "everyone"): "the group of Windows",
    ("tests/benchmarks/sasl.py", "memory"): "what is measured",
    ("tests/benchmarks/userlist_scale.py", "memory"): "what is measured",
    ("tests/integration/kerberos/test_krb5_load.py", "memory"): "what is measured",
    ("tests/docs/test_links.py", "link"): "from a page to another",
    ("tests/smtp_access/readers/dovecot.py", "nobody"): "the UNIX user",
    ("tests/unit/userlist/test_user_faults.py", "nobody"): "the UNIX user",
    ("tests/unit/passwords/test_scram.py", "proof"): "ClientProof of RFC 5802, section 3",
    ("tests/unit/sasl/clients.py", "proof"): "ClientProof of RFC 5802, section 3",
    ("tests/unit/sasl/test_vectors.py", "proof"): "ClientProof of RFC 5802, section 3",
}


def names(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines and the names of a file; one that is defined, with `def` before it, too."""
    before = ""
    for token in tokens(file):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string
            if before == "def":
                yield token.start[0], f"def {token.string}"
        before = token.string


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """Yield comments, docstrings and other literals, line by line."""
    for token in tokens(file):
        if token.type in TEXTS:
            yield from enumerate(token.string.split("\n"), token.start[0])


def remarks(file: Path) -> Iterator[tuple[int, str]]:
    """Yield comments and docstrings, line by line."""
    before = tokenize.NEWLINE
    for token in tokens(file):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
        elif token.type == tokenize.STRING and before in STATEMENT:
            text = str(ast.literal_eval(token.string))
            yield from enumerate(text.split("\n"), token.start[0])
        if token.type not in {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING}:
            before = token.type


STATEMENT = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
"""What a text stands behind that is a statement of its own."""
TEXTS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


@lru_cache(1)
def tokens(file: Path) -> list[tokenize.TokenInfo]:
    """Return the tokens of a file, which are asked for more than once in a row."""
    text = file.read_text(encoding="utf-8")
    return list(tokenize.generate_tokens(io.StringIO(text).readline))


def found_in_names(file: Path) -> list[str]:
    """Return the old words in the names of a file, each with its place and the new word."""
    places = [(line, *each) for line, name in names(file) for each in old_words_in(name)]
    return reported(file, places)


@cache
def old_words_in(name: str) -> list[tuple[str, str]]:
    """Return the old words in a name, each with the new one."""
    parts = f"_{re.sub(r'(?<=[a-z])(?=[A-Z])', '_', name)}_".lower()
    return [(each, NEW_NAMES[each]) for each in {name, name[1:]} & NEW_NAMES.keys()] + [
        (each, new)
        for each, new in {**NEW_WORDS_IN_NAMES, **NEW_WORDS}.items()
        if re.search(rf"_{each}(s|d|ed)?_", parts)
    ]


ANY_WORD = re.compile("|".join(NEW_WORDS_IN_PROSE), re.IGNORECASE)
"""What a line has that is looked at word by word."""


def found_in_prose(file: Path, lines: Iterator[tuple[int, str]]) -> list[str]:
    """Return the old words in prose, each with its place and the new word."""
    places = [
        (line, each, new)
        for line, text in lines
        if ANY_WORD.search(text)
        for each, new in NEW_WORDS_IN_PROSE.items()
        if re.search(rf"(?<![A-Za-z]){each}s?(?![A-Za-z])", text, re.IGNORECASE)
    ]
    return reported(file, places)


def reported(file: Path, places: list[tuple[int, str, str]]) -> list[str]:
    place = file.relative_to(ROOT).as_posix()
    return [
        f"{place}:{line}: {old} -> {new}"
        for line, old, new in places
        if (place, old) not in ALLOWED
    ]


def names_of_how_it_came(file: Path) -> list[str]:
    """Return the local and private names of a file that do not say what they hold, by lines.

    What an annotation in the body of a class names is a field, which callers may know.
    """
    code = file.read_text(encoding="utf-8")
    if not any(word in code for word in HOW_A_VALUE_CAME):
        return []
    tree = ast.parse(code)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    fields = {
        line.target for each in classes for line in each.body if isinstance(line, ast.AnnAssign)
    }
    names = sorted(
        (getattr(node, "lineno", 0), name)
        for node in ast.walk(tree)
        if node not in fields and (name := own_name(node)).removeprefix("_") in HOW_A_VALUE_CAME
    )
    return [f"{file.relative_to(ROOT).as_posix()}:{line}: {name}" for line, name in names]


def own_name(node: ast.AST) -> str:
    """Return the name of a variable or an argument, or that of what is private, if it is one."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return name
        case (
            ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
            | ast.ExceptHandler(name=str(name))
        ):
            return name
        case (
            ast.Attribute(attr=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name)
        ):
            return name if name.startswith("_") else ""
        case _:
            return ""


def comments(file: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        yield number, line.partition("#")[2]


def prose_of_page(page: Path) -> Iterator[tuple[int, str]]:
    """Yield a page without its blocks, its code and the targets of its links."""
    yield 0, re.sub(r"`[^`]*`|\]\([^)]*\)", "", prose(page))


def test_code_has_the_words_of_the_field() -> None:
    places = [
        place
        for file in PYTHON
        for place in found_in_names(file) + found_in_prose(file, texts(file))
    ]
    assert not places, "\n".join(places)


def test_local_names_say_what_they_hold() -> None:
    places = [place for file in (*PYTHON, *TESTS) for place in names_of_how_it_came(file)]
    assert not places, "\n".join(places)


def test_tests_have_the_words_of_the_field() -> None:
    places = [
        place
        for file in TESTS
        for place in found_in_names(file) + found_in_prose(file, remarks(file))
    ]
    assert not places, "\n".join(places)


def test_pages_have_the_words_of_the_field() -> None:
    places = [place for page in PAGES for place in found_in_prose(page, prose_of_page(page))]
    assert not places, "\n".join(places)


def test_service_files_have_the_words_of_the_field() -> None:
    places = [place for file in SERVICE_FILES for place in found_in_prose(file, comments(file))]
    assert not places, "\n".join(places)


def test_what_is_allowed_is_still_there() -> None:
    gone = [
        (place, word)
        for place, word in ALLOWED
        if not re.search(rf"\b{word}\b", (ROOT / place).read_text(encoding="utf-8"), re.IGNORECASE)
    ]
    assert not gone


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("class OnLink: ...", ["OnLink"]),
        ("_TWIN = 1", ["TWIN"]),
        ("def after(successes): ...", ["def after"]),
        ("def seal(): ...", ["seal"]),
        ("PretendSalt = _settled = 1", ["pretend", "settle"]),
        ("x._of_visit", ["visit"]),
        ("lets_nobody_in = None", ["nobody"]),
        ("# Somebody's visits.", ["visit", "somebody"]),
        ('raise E(f"{x} lets nobody in")', ["nobody"]),
        ("known = burning = linked = revisited = unsealed = 1  # memory, and whole", []),
    ],
)
def test_old_words_are_found(
    tmp_path: Path, code: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    file = tmp_path / "file.py"
    file.write_text(code, encoding="utf-8")
    places = found_in_names(file) + found_in_prose(file, texts(file))
    assert [each.split(": ")[1].split(" -> ")[0] for each in places] == words


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("found = 1", ["1: found"]),
        ("def f(made, *kept): ...", ["1: kept", "1: made"]),
        ("async def f(*, found=1, **made): ...", ["1: found", "1: made"]),
        ("[kept for kept in ()]\nif found := 1: ...", ["1: kept", "2: found"]),
        ("with x as found, y as (made, *_): ...", ["1: found", "1: made"]),
        ("match x:\n case [found, *kept]: ...", ["2: found", "2: kept"]),
        ("try: ...\nexcept E as found: (lambda made: 1)", ["2: found", "2: made"]),
        ("class A:\n def _made(self):\n  self._kept = 1", ["2: _made", "3: _kept"]),
        ("class A:\n found: int = 1\n def made(self): ...", []),
        ("x.found = x.made(kept=1)\nmade_of = is_found = 'made'  # kept", []),
    ],
)
def test_names_of_how_it_came_are_found(
    tmp_path: Path, code: str, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    file = tmp_path / "file.py"
    file.write_text(code, encoding="utf-8")
    assert names_of_how_it_came(file) == [f"file.py:{each}" for each in lines]


def test_of_tests_comments_and_docstrings_are_prose(tmp_path: Path) -> None:
    file = tmp_path / "file.py"
    file.write_text('"""A\n\nvisit."""\nuser = "nobody"  # whoever\n', encoding="utf-8")
    assert sorted(remarks(file)) == [(1, "A"), (2, ""), (3, "visit."), (4, "# whoever")]
