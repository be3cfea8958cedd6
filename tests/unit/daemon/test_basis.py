"""What judgements rest on is committed before anything is judged otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import structlog

from daemon.errors import StartError, Unavailable
from daemon.journal import Basis, decode_basis
from tests.unit.daemon.loop_bench import Bench, Kept, window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.state import SensorState

FIRST = Basis("bundle-1", "features-1", "settings-1")
SECOND = Basis("bundle-2", "features-2", "settings-1")


def run(kept: Kept, basis: Basis, first: int, count: int) -> Bench:
    bench = Bench(kept=kept, basis=basis)
    bench.feed(*(window(k) for k in range(first + count)))
    bench.finish()
    return bench


def test_the_first_basis_holds_from_the_first_offset() -> None:
    kept = Kept()
    run(kept, FIRST, 0, 3)
    assert kept.bases == {0: Basis("bundle-1", "features-1", "settings-1", since=0)}
    assert kept.commits == 2


def test_the_same_basis_is_not_committed_again() -> None:
    kept = Kept()
    run(kept, FIRST, 0, 3)
    run(kept, FIRST, 3, 2)
    assert kept.bases[0].since == 0
    assert kept.commits == 3


def test_another_basis_is_committed_before_anything_is_judged_by_it() -> None:
    kept = Kept()
    run(kept, FIRST, 0, 3)
    bench = Bench(kept=kept, basis=SECOND)
    bench.journal.failures.plan(None, Unavailable("no answer"))
    bench.feed(*(window(k) for k in range(5)))
    with structlog.testing.capture_logs() as lines:
        bench.steps(2)
    assert kept.bases[0] == Basis("bundle-2", "features-2", "settings-1", since=3)
    assert kept.offsets == {0: 3}
    (line,) = [one for one in lines if one["event"] == "judgement_changed"]
    assert (line["partition"], line["offset"]) == (0, 3)
    assert (line["bundle_before"], line["bundle"]) == ("bundle-1", "bundle-2")
    assert (line["same_features"], line["same_settings"]) == (False, True)
    bench.finish()
    assert kept.offsets == {0: 5}
    assert kept.bases[0].since == 3


def test_nothing_is_judged_while_the_basis_cannot_be_committed() -> None:
    bench = Bench(basis=FIRST)
    bench.journal.failures.plan(Unavailable("no answer"))
    bench.feed(window(0))
    bench.steps(2)
    assert bench.judge.batches == []
    assert bench.series.losses == {}
    bench.finish()
    assert bench.judge.batches == [1]


def test_states_that_cannot_be_gone_on_from_end_the_loop_before_a_window_is_judged() -> None:
    kept = Kept()
    run(kept, FIRST, 0, 3)
    bench = Bench(kept=kept, basis=SECOND)
    seen: list[int] = []

    def refuse(states: Iterable[SensorState]) -> None:
        seen.append(len(list(states)))
        raise StartError("no bundle for them")

    bench.judge.check_states = refuse  # type: ignore[method-assign]
    bench.feed(*(window(k) for k in range(5)))
    with pytest.raises(StartError, match="no bundle"):
        bench.finish()
    assert seen == [1]
    assert kept.offsets == {0: 3}
    assert kept.bases[0].bundle == "bundle-1"


def test_a_basis_comes_back_from_its_bytes() -> None:
    basis = Basis("b", "f", "s", since=12)
    assert decode_basis(basis.encode()) == basis


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"bundle":"b","features":"f","settings":"s","since":1,"schema":2}', "newer"),
        (b'{"bundle":"b"}', "damaged"),
        (b"\xff", "damaged"),
    ],
)
def test_a_basis_that_cannot_be_read_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(StartError, match=said):
        decode_basis(data)
