"""Every case in the `*.case` files of this folder, in both runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ualauth.testing.case_files import Case, CaseError, read_cases
from ualauth.testing.case_play import differences

if TYPE_CHECKING:
    from tests.conftest import Way

FOLDER = Path(__file__).parent
CASES = [case for path in sorted(FOLDER.glob("*.case")) for case in read_cases(path)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, tmp_path: Path, way: Way) -> None:
    assert differences(case, tmp_path, way.begin, way.perform) == [], case.source


def test_there_are_cases_for_every_rule() -> None:
    assert len(CASES) >= 80


def test_no_two_files_have_a_case_of_the_same_name() -> None:
    names = [case.name for case in CASES]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_is_a_sentence(case: Case) -> None:
    assert case.name[0].isupper()
    assert case.name.endswith(".")


def test_a_case_that_is_not_met_says_what_came_out(tmp_path: Path) -> None:
    (tmp_path / "wrong.case").write_text(
        "# A refusal is expected where none comes.\n"
        "auth required pam_debug auth=success\n"
        "=> auth_err, asked 2 (1 2)\n",
    )

    assert differences(read_cases(tmp_path / "wrong.case")[0], tmp_path) == [
        "call 1: authenticate answers success, not auth_err",
        "call 1: 1 entries were asked (1), not 2",
        "call 1: asked were (1), not (1 2)",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("auth required pam_debug\n=> success\n", "wrong.case:1: a case begins with its name"),
        ("# Nothing.\nauth required pam_debug\n", "wrong.case:1: the case expects nothing"),
        ("# One.\n=> nonsense\n", "wrong.case:2: '=> nonsense' is no expectation"),
        ("# One.\n=> success, asked\n", "wrong.case:2: '=> success, asked' is no expectation"),
        ("# One.\n== colour red\n=> success\n", "wrong.case:2: '== colour red' is no setting"),
        ("# One.\n=> success\n\n# One.\n=> success\n", "there are two cases 'One.'"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(
    text: str,
    complaint: str,
    tmp_path: Path,
) -> None:
    path = tmp_path / "wrong.case"
    path.write_text(text)

    with pytest.raises(CaseError, match=complaint):
        read_cases(path)
