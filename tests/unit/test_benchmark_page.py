"""The page of benchmarks: a section that was measured replaces its old one, the others stay."""

from __future__ import annotations

from tests.benchmarks.page import Row, section, update


class Speed:
    """A subject."""

    TITLE = "Speed"
    HOW = "\nBy a clock.\n"

    def rows(self) -> list[Row]:
        """Return one figure."""
        return [Row("one thing", "1 µs", "2 µs", "1/2.0", "1/1.5 or less")]


def test_a_section_has_its_figures_and_how_they_were_taken() -> None:
    text = section(Speed())
    assert "| one thing | 1 µs | 2 µs | 1/2.0 | 1/1.5 or less |\n" in text
    assert text.endswith("\n\nBy a clock.\n")


def test_only_what_was_measured_is_replaced() -> None:
    order = ["Speed", "Size", "Depth"]
    page = update("# Old\n", order, {"Depth": "\n1 m\n", "Speed": "\n1 µs\n"})
    assert page.startswith("# Benchmarks\n")
    assert page.endswith("\n## Speed\n\n1 µs\n\n## Depth\n\n1 m\n")
    page = update(page, order, {"Speed": "\n2 µs\n"})
    assert page.endswith("\n## Speed\n\n2 µs\n\n## Depth\n\n1 m\n")
    page = update(page, order[:2], {"Size": "\n3 B\n"})
    assert page.endswith("\n## Speed\n\n2 µs\n\n## Size\n\n3 B\n\n## Depth\n\n1 m\n")
    assert update(page, order[:2], {}) == page
