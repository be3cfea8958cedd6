"""Keeps one process to one core and one heap: scale by processes."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

M_ARENA_MAX: Final = -8
"""glibc's number of the option, from malloc.h."""


def cap_threads(count: int = 1) -> None:
    """Set what OpenMP and BLAS read when they are first imported; what is set already stays."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(count))


def share_heap() -> None:
    """Let all threads allocate from one heap, unless `MALLOC_ARENA_MAX` says otherwise.

    glibc gives each thread a heap of its own, and what one thread frees no other uses again: with
    10,000 sensors that is some 60 MiB for nothing. Other C libraries do not ask for it.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
