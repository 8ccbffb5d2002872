"""A finding: something that a stack can come to, and was surely not meant."""

from __future__ import annotations

from ualauth.codes import Operation
from ualauth.sources.problem import Source
from ualauth.stack.analysis.answers import Step, told
from ualauth.text.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a stack can come to, and was surely not meant; `witness` shows how."""

    name: str
    source: Source
    text: str
    cure: str
    operation: Operation = Operation.AUTHENTICATE
    witness: tuple[Step, ...] = ()

    @property
    def when(self) -> str:
        """The witness in words; empty if there is none."""
        return told(self.witness)
