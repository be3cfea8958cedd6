"""docs/detection.md knows every status, verdict and note."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.judgement import Note, Status, Verdict

TEXT = (Path(__file__).parents[3] / "docs" / "detection.md").read_text("utf-8")


@pytest.mark.parametrize("word", [*Note, *Status, *Verdict])
def test_every_word_is_in_the_docs(word: str) -> None:
    assert f"`{word}`" in TEXT
