"""From an acceleration signal to features: pure functions on NumPy arrays.

No input or output, no clock and no Keras live here. `window.Window` is the record that travels
between the stages; everything else turns windows into numbers.
"""
