"""Marks: which alert events the series may lack."""

from daemon.journal.delivery import Delivery, Published
from tests.contract.builders import event


def delivery(*events: Published, delivered: int = 0) -> Delivery:
    made = Delivery()
    made.restore(0, delivered, events)
    return made


def test_a_mark_covers_only_what_was_shown() -> None:
    made = delivery(Published(4, event("a")))
    made.undelivered()
    made.add(0, Published(7, event("b")))
    made.mark()
    assert [one.id for one in made.undelivered()] == ["b"]
    assert made.delivered(0) == 5


def test_a_mark_without_anything_shown_changes_nothing() -> None:
    made = delivery(Published(4, event("a")), delivered=3)
    made.mark()
    assert made.unsaved() == {}
    assert made.delivered(0) == 3


def test_a_mark_is_unsaved_until_it_is_said_to_be_saved() -> None:
    made = delivery(Published(4, event("a")))
    made.undelivered()
    made.mark()
    assert made.unsaved() == {0: 5}
    made.saved({0: 5})
    assert made.unsaved() == {}


def test_a_mark_that_moved_while_it_was_saved_stays_unsaved() -> None:
    made = delivery(Published(4, event("a")), Published(6, event("b")))
    made.undelivered()
    made.mark()
    made.saved({0: 5})
    assert made.unsaved() == {0: 7}


def test_released_partitions_are_forgotten() -> None:
    made = delivery(Published(4, event("a")))
    made.release({0, 9})
    assert not made.undelivered()
    assert made.unsaved() == {}
