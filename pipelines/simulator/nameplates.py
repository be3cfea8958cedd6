"""What a plant would know of simulated machines: an `assets.toml` with each sensor's bearing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.fault_orders import BearingGeometry
    from pipelines.simulator.plant import FleetSpec


def assets_toml(spec: FleetSpec) -> str:
    """Return a rule a sensor; the shaft's speed comes with the windows, where there is telemetry.

    Diameters are in mm.
    """
    return "\n".join(
        f'[[rule]]\nmatch = "{machine.asset}/{sensor.sensor}"\n{_bearing(sensor.bearing)}'
        for machine in spec.machines
        for sensor in machine.sensors
    )


def _bearing(geometry: BearingGeometry) -> str:
    return (
        "[rule.bearing]\n"
        f"rolling_elements = {geometry.rolling_elements}\n"
        f"ball_diameter = {geometry.ball_diameter}\n"
        f"pitch_diameter = {geometry.pitch_diameter}\n"
        f"contact_angle_deg = {geometry.contact_angle_deg}\n"
    )
