"""Which krb5.conf is a whole one: libkrb5 takes a part of one for one that says less."""

from __future__ import annotations

import pytest

from ualauth.kerberos.krb5_conf import parse_krb5_conf
from ualauth.sources.files import Text

WHOLE = """
# The realm of the mail servers.
include /dev/null
[libdefaults]
  default_realm = A.TEST
  ; as in the documents
[realms]
  A.TEST =
  {
    kdc = 192.0.2.1
    auth_to_local = RULE:[1:$1](.*)s/{/x/
  }
  B.TEST = {
    kdc = 192.0.2.2
  }*
"""


def problems(text: str) -> list[str]:
    """Return what is told of a krb5.conf."""
    return [str(each).split("\n")[0] for each in parse_krb5_conf(Text("/k", text))[1]]


@pytest.mark.parametrize("text", [WHOLE, f"\ufeff{WHOLE.lstrip()}", WHOLE.replace("\n", "\r\n")])
def test_a_whole_one_has_no_problem(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (WHOLE[: WHOLE.rindex("}")], "/k:13:3: error: this brace is not closed"),
        (WHOLE[: WHOLE.index("    kdc")], "/k:9:3: error: this brace is not closed"),
        ("default_realm = A.TEST\n", "/k:1:1: error: this stands before the first section"),
        (WHOLE + "\0\0", "/k:16:1: error: there are zeros in it"),
        (" \n", "/k:1:1: warning: there is nothing in it"),
        ("[libdefaults\n", "/k:1:1: error: libkrb5 cannot read it"),
    ],
)
def test_a_part_of_one_is_told_of(text: str, told: str) -> None:
    assert problems(text)[0].startswith(told)
