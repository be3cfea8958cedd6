"""The process: command line, settings, sources, sinks, journal, loop and telemetry."""

MARKER = "bearingwatch"
"""Proves to the console entry that this `daemon` is ours and not another distribution's."""
