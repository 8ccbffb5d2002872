"""Where libpam and our engine disagree, shown on the smallest case that could be found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Self

from tests.oracle import ours
from tests.oracle.case import Case, Outcome
from tests.oracle.libpam import Libpam
from tests.oracle.shrink import shrink
from ualauth.stack.dialect import DEBIAN


@dataclass(frozen=True, slots=True)
class Difference:
    """A case, and what each made of it."""

    case: Case
    libpam: Outcome
    ours: Outcome

    @classmethod
    def smallest(cls, case: Case, libpam: Libpam) -> Self:
        """Shrink a case that shows a difference; a crash of libpam is left as it is."""
        if libpam.run_case(case).crashed:
            return cls(case, libpam.run_case(case), ours.run_case(case, DEBIAN))

        def differs(smaller: Case) -> bool:
            theirs = libpam.run_case(smaller)
            return not theirs.crashed and theirs != ours.run_case(smaller, DEBIAN)

        small = shrink(case, differs)
        return cls(small, libpam.run_case(small), ours.run_case(small, DEBIAN))

    def __str__(self) -> str:
        """Return the files, the calls, and both outcomes."""
        value = self.case.to_json()
        lines = []
        for name, text in value.pop("files").items():
            lines.append(f"--- {name}")
            lines += [f"    {line!r}" for line in text.splitlines(keepends=True)]
        lines.append(f"--- {json.dumps(value)}")
        lines.append(f"libpam: {json.dumps(self.libpam.to_json())}")
        lines.append(f"ours:   {json.dumps(self.ours.to_json())}")
        return "\n".join(lines)
