"""A library that chatters past Python while it loads is heard only where loading fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHATTER = "import os; os.write(2, b'no cards found\\n')\n"


@pytest.mark.parametrize(
    ("ending", "status", "told"),
    [("", 0, "after\n"), ("raise ImportError('broken')\n", 1, "no cards found\n")],
)
def test_what_keras_says_while_it_loads(
    tmp_path: Path, ending: str, status: int, told: str
) -> None:
    (tmp_path / "keras.py").write_text(CHATTER + ending, encoding="utf-8")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from daemon.cli.quiet import load_keras; load_keras()\n"
        "sys.stderr.write('after\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert done.stderr.startswith(told)
