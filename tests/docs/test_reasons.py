"""The pages of reasons and audit records say what the code says."""

from __future__ import annotations

import dataclasses
import json

from tests.docs.pages import ROOT, table
from ualauth.audit import AuditRecord, schema
from ualauth.contract.explanations import EXPLANATIONS
from ualauth.reasons import GUESSES, ReasonCode

ADMINISTRATORS = ROOT / "docs" / "administrators"
FIELDS = [field.name for field in dataclasses.fields(AuditRecord)]


def test_the_page_has_each_reason_as_the_code_explains_it() -> None:
    rows = table(ADMINISTRATORS / "why-refused.md", "reason", "means", "what to do", "guess")
    assert rows == [
        [f"`{reason}`", *EXPLANATIONS[reason], "yes" if reason in GUESSES else "no"]
        for reason in EXPLANATIONS
    ]
    assert {*EXPLANATIONS} == {*ReasonCode}


def test_the_schema_and_the_page_have_the_fields_of_a_record() -> None:
    value = json.loads(schema())
    assert sorted(value["properties"]) == sorted(FIELDS)
    # What is about hosted companies alone is missing where there is none.
    assert sorted([*value["required"], "company"]) == sorted(FIELDS)
    rows = table(ADMINISTRATORS / "logging.md", "field", "is")
    assert [row[0].strip("`") for row in rows] == [*value["properties"]]


def test_the_schema_has_the_words_of_the_code() -> None:
    properties = json.loads(schema())["properties"]
    assert properties["reason"]["enum"] == [*(str(each) for each in ReasonCode), None]
