"""ARCHITECTURE.md shows the transition tables as the code has them."""

from __future__ import annotations

import pytest

from tools.draw_tables import DOCUMENT, drawn


def test_the_tables_in_the_document_are_current() -> None:
    text = DOCUMENT.read_text()
    assert drawn(text) == text, "run: python -m tools.draw_tables"


def test_a_document_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table 'membership'"):
        drawn("# Architecture\n")
