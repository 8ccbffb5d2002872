"""Random service files through the whole library: only a module's SUCCESS lets a user in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import rounds
from ualauth import Authenticator
from ualauth.codes import TOKENS, Operation, ReturnCode
from ualauth.config.config import Config, StackSettings
from ualauth.errors import AuthenticationError, ConfigurationError
from ualauth.runtime.trace import TraceStep
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.folder import ConfigFolder

CODES = st.one_of(
    st.sampled_from(["success", "success", "auth_err", "ignore", "authinfo_unavail"]),
    st.sampled_from(list(TOKENS)),
)
ACTIONS = st.sampled_from(["ok", "done", "bad", "die", "ignore", "reset", "1", "2", "3"])
PAIRS = st.lists(
    st.builds("{}={}".format, st.one_of(CODES, st.just("default")), ACTIONS),
    min_size=1,
    max_size=4,
).map(lambda pairs: f"[{' '.join(pairs)}]")
CONTROLS = st.one_of(st.sampled_from(["required", "requisite", "sufficient", "optional"]), PAIRS)
TYPES = st.sampled_from(["auth", "auth", "auth", "account", "account", "session", "password"])
KEYS = st.sampled_from(
    ["auth", "auth", "cred", "acct", "open_session", "close_session", "prechauthtok", "chauthtok"],
)
MODULE_LINES = st.builds(
    "{} {} pam_debug {}".format,
    TYPES,
    CONTROLS,
    st.lists(st.builds("{}={}".format, KEYS, CODES), max_size=4).map(" ".join),
)
OTHER_LINES = st.one_of(
    st.builds(
        "{} {} {}".format,
        TYPES,
        st.sampled_from(["include", "substack"]),
        st.sampled_from(["a", "b", "nowhere"]),
    ),
    st.builds("{} {} no_such_module".format, TYPES, CONTROLS),
    st.builds("nonsense {} pam_debug".format, CONTROLS),
    st.sampled_from(["# a comment", "", "auth", "account required", "auth required pam_deny"]),
)
LINES = st.one_of(*[MODULE_LINES] * 5, OTHER_LINES)
FILES = st.lists(LINES, max_size=6).map("\n".join)
LIKELY = st.builds(
    "auth {0} pam_debug\naccount {1} pam_debug\n{2}\n".format,
    CONTROLS,
    CONTROLS,
    st.lists(st.one_of(MODULE_LINES, MODULE_LINES, LINES), max_size=4).map("\n".join),
)
"""Files that let a user in now and then."""
CALLS = st.lists(
    st.sampled_from([each for each in Operation for _ in range(2)]),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[ConfigFolder]:
    """Return one folder for all examples."""
    with tempfile.TemporaryDirectory() as path:
        yield ConfigFolder(Path(path))


def written(folder: ConfigFolder, test: str, a: str, b: str, dialect: str) -> Config:
    """Write the files, and return the configuration."""
    for name, text in (("test", test), ("a", a), ("b", b)):
        folder.service(name, text)
    return Config(folder.path, stack=StackSettings(dialect=dialect))


KEY = {
    Operation.AUTHENTICATE: "auth",
    Operation.SETCRED: "cred",
    Operation.ACCT_MGMT: "acct",
    Operation.OPEN_SESSION: "open_session",
    Operation.CLOSE_SESSION: "close_session",
}


def expected(step: TraceStep) -> ReturnCode:
    """Return what pam_debug must have answered in a step, by the text of its line."""
    line = Path(step.file).read_text(encoding="utf-8").splitlines()[step.line - 1]
    if line.startswith("nonsense"):
        return ReturnCode.PERM_DENIED
    words = (word.partition("=") for word in line.partition("pam_debug")[2].split())
    answers = (TOKENS[word] for key, _, word in words if key == KEY[step.operation])
    return next(answers, ReturnCode.SUCCESS)


@settings(max_examples=rounds(80))
@given(st.one_of(LIKELY, FILES), FILES, FILES, CALLS, st.sampled_from(["linux-pam", "debian"]))
def test_every_success_and_every_trace_is_covered_by_answers(
    shared: ConfigFolder,
    test: str,
    a: str,
    b: str,
    calls: list[Operation],
    dialect: str,
) -> None:
    config = written(shared, test, a, b, dialect)
    conversation = ScriptedConversation()
    try:
        transaction = Authenticator(config).transaction("test", "jsmith", conversation)
    except ConfigurationError:
        return
    with transaction:
        for operation in calls:
            before, said = len(transaction.trace), len(conversation.texts)
            code = getattr(transaction, operation.method)()
            steps = transaction.trace[before:]

            if code is ReturnCode.SUCCESS:
                assert ReturnCode.SUCCESS in {step.code for step in steps}
            # What the trace says is what the modules were told to answer.
            for step in steps:
                if step.module == "pam_debug" and operation is not Operation.CHAUTHTOK:
                    assert step.code is expected(step)
            spoken = [text.partition("=")[2] for text in conversation.texts[said:]]
            told = [str(step.code) for step in steps if step.module == "pam_debug"]
            assert set(spoken) <= set(told)


@settings(max_examples=rounds(80))
@given(LIKELY, FILES, FILES)
def test_a_login_needs_a_success_of_auth_and_of_account(
    shared: ConfigFolder,
    test: str,
    a: str,
    b: str,
) -> None:
    config = written(shared, test, a, b, "linux-pam")
    authenticator = Authenticator(config)
    try:
        identity = authenticator.authenticate("test", "jsmith", "s3cret")
    except (AuthenticationError, ConfigurationError):
        return
    assert identity.user == "jsmith"
    with authenticator.transaction("test", "jsmith") as transaction:
        assert transaction.authenticate() is ReturnCode.SUCCESS
        assert transaction.acct_mgmt() is ReturnCode.SUCCESS
        answers = {(step.operation, step.code) for step in transaction.trace}
    assert (Operation.AUTHENTICATE, ReturnCode.SUCCESS) in answers
    assert (Operation.ACCT_MGMT, ReturnCode.SUCCESS) in answers


@settings(max_examples=rounds(60))
@given(
    FILES.map(lambda text: text.replace("=success", "=auth_err")),
    st.sampled_from(["linux-pam", "debian"]),
)
def test_modules_that_always_refuse_let_no_user_in(
    shared: ConfigFolder,
    text: str,
    dialect: str,
) -> None:
    # Without an answer for an operation pam_debug succeeds: give it one for each.
    refusing = " ".join(f"{key}=auth_err" for key in ("auth", "acct", "cred"))
    config = written(shared, text.replace("pam_debug", f"pam_debug {refusing}"), "", "", dialect)
    try:
        transaction = Authenticator(config).transaction("test", "jsmith")
    except ConfigurationError:
        return
    with transaction:
        assert transaction.authenticate() is not ReturnCode.SUCCESS
        assert transaction.setcred() is not ReturnCode.SUCCESS
        assert transaction.acct_mgmt() is not ReturnCode.SUCCESS
