"""Running the network: one contract, several engines.

An engine is stateless, may be called from one thread at a time, and gives bit-equal results for a
sequence whatever else is in the call (it pads to a fixed batch, or shows that it need not).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Engine(Protocol):
    """Reconstructs normalised sequences."""

    @property
    def name(self) -> str:
        """Say which engine and device this is, for logs: `onnx`, `tensorflow`."""
        ...

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the reconstruction of `sequences`, both (n, frames, bands), n >= 0.

        Masked bands are 0 in the input and ignored by the caller in the output.
        """
        ...
