"""Keeps numerical libraries from taking every core: one process is one core, scale by processes."""

from __future__ import annotations

import os


def cap_threads(count: int = 1) -> None:
    """Set what OpenMP and BLAS read when they are first imported; what is set already stays."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(count))
