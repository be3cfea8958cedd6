"""Bearings by their catalogue name. Makers do not print inner geometry: each entry has a source."""

from __future__ import annotations

from typing import Final

from pipelines.fault_orders import BearingGeometry

CATALOGUE: Final = {
    # Qiu, Lee, Lin & Yu, J. Sound Vib. 289 (2006): IMS test rig; inches.
    "Rexnord ZA-2115": BearingGeometry(16, 0.331, 2.815, 15.17),
    # Nectoux et al., PRONOSTIA (2012): FEMTO test rig; mm.
    "NSK 6804RS": BearingGeometry(13, 3.5, 25.6, 0.0),
    # Case Western Reserve University Bearing Data Center, drive end; inches.
    "SKF 6205-2RS": BearingGeometry(9, 0.3126, 1.537, 0.0),
    # The same, fan end.
    "SKF 6203-2RS": BearingGeometry(8, 0.2656, 1.122, 0.0),
    # Wang, Lei, Li & Li, IEEE Trans. Reliability 69 (2020): XJTU-SY test rig; mm.
    "LDK UER204": BearingGeometry(8, 7.92, 34.55, 0.0),
}
"""Geometry by maker and type; a ratio of diameters is all that matters, so units differ."""


def find_bearing(name: str) -> BearingGeometry | None:
    """Return the bearing of that name; the maker may be left out, case does not matter."""
    wanted = name.casefold()
    for full, geometry in CATALOGUE.items():
        if wanted in {full.casefold(), full.casefold().partition(" ")[2]}:
            return geometry
    return None
