"""Lets SIGTERM interrupt a command as Ctrl-C does, so that it can still say how far it came."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `KeyboardInterrupt` at either signal inside the block.

    Ctrl-C too: a shell starts what it puts into the background with that signal ignored, and it
    stays ignored unless asked for.
    """
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
