"""A repair of kafka-python 3.0: a join that ends between two polls must not be forgotten.

The client joins the group in a task that goes on while nobody polls. When it ends meanwhile, the
next poll finds it done and joins anew (coordinator/base.py, join_group_async: "_join_task is None
or _join_task.is_done"). A leader that joins anew makes the whole group rebalance, and members that
spend much time outside of poll - they write to a slow InfluxDB - keep each other at it for ever.

Here the result of such a join is kept until it is used.
"""

from __future__ import annotations

from typing import Any

from kafka.structs import MemberState


class _Joins:
    """Stands before a coordinator's two steps: the join itself, and taking its result over."""

    def __init__(self, coordinator: Any) -> None:
        self._coordinator = coordinator
        self._join = coordinator._do_join_and_sync_async
        self._complete = coordinator._on_join_complete_async
        self._unused: tuple[Any, bytes] | None = None

    async def join(self) -> bytes:
        kept, self._unused = self._unused, None
        if kept is not None and self._still_holds(kept[0]):
            assignment = kept[1]
        else:
            assignment = await self._join()
        self._unused = (self._coordinator._generation, assignment)
        return assignment

    def _still_holds(self, generation: Any) -> bool:
        # Nothing that ends a membership happened since: those all replace the generation.
        return (
            self._coordinator._generation is generation
            and self._coordinator.state == MemberState.REBALANCING
        )

    async def complete(self, *arguments: Any) -> None:
        self._unused = None
        await self._complete(*arguments)


def keep_joins(consumer: Any) -> None:
    """Repair one consumer, before it polls for the first time."""
    coordinator = consumer._coordinator
    joins = _Joins(coordinator)
    coordinator._do_join_and_sync_async = joins.join
    coordinator._on_join_complete_async = joins.complete
