"""Fault orders against published frequencies of two well-known test rigs."""

import pytest

from pipelines.fault_orders import BearingGeometry

ZA_2115 = BearingGeometry(16, 0.331, 2.815, 15.17)
PRONOSTIA = BearingGeometry(13, 3.5, 25.6)


@pytest.mark.parametrize(
    ("geometry", "rpm", "expected_hz"),
    [
        (ZA_2115, 2000.0, (236.4, 296.9, 139.9, 14.8)),
        (PRONOSTIA, 1800.0, (168.3, 221.7, 107.7, 12.95)),
        (PRONOSTIA, 1650.0, (154.3, 203.2, 98.7, 11.87)),
        (PRONOSTIA, 1500.0, (140.3, 184.7, 89.7, 10.79)),
    ],
)
def test_orders_give_the_published_frequencies(
    geometry: BearingGeometry, rpm: float, expected_hz: tuple[float, ...]
) -> None:
    found = [order * rpm / 60.0 for order in geometry.fault_orders()]
    assert found == pytest.approx(expected_hz, rel=2e-3)


def test_inner_and_outer_race_together_see_every_element_once_a_turn() -> None:
    orders = ZA_2115.fault_orders()
    assert orders.bpfo + orders.bpfi == pytest.approx(16.0)


def test_the_cage_carries_all_elements_past_the_outer_race() -> None:
    orders = PRONOSTIA.fault_orders()
    assert orders.bpfo == pytest.approx(13 * orders.ftf)


@pytest.mark.parametrize(
    ("elements", "ball", "pitch", "angle"),
    [(0, 1.0, 5.0, 0.0), (9, 5.0, 5.0, 0.0), (9, 0.0, 5.0, 0.0), (9, 1.0, 5.0, 90.0)],
)
def test_what_no_bearing_can_be_is_refused(
    elements: int, ball: float, pitch: float, angle: float
) -> None:
    with pytest.raises(ValueError, match=r"got|must lie"):
        BearingGeometry(elements, ball, pitch, angle)
