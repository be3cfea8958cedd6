"""Repairs of how kafka-python 3.0 joins a group.

A join that ends between two polls must not be forgotten. The client joins the group in a task that
goes on while nobody polls. When it ends meanwhile, the next poll finds it done and joins anew
(coordinator/base.py, join_group_async: "_join_task is None or _join_task.is_done"). A leader that
joins anew makes the whole group rebalance, and members that spend much time outside of poll - they
write to a slow InfluxDB - keep each other at it for ever. Here the result of such a join is kept
until it is used.

A member that is thrown out while it joins must say so. The client calls its partitions lost only
before it joins, once, however often it tries (join_group_async: "if not self.rejoining"). Where the
broker did not hear of it for so long that others had its partitions meanwhile, the ones that it is
given again are silently its own as before, with all that was known of them. And whatever it lost it
goes on claiming (coordinator/assignors/cooperative_sticky.py, metadata): the leader waits for it to
give them up, which never comes, and nobody reads them. Here whatever ends a membership has the next
attempt begin anew, with what is lost, and claim nothing.

A partition that moves must arrive. It is taken from one member in a first round, and given to the
next in a second, which the first one asks for (coordinator/consumer.py, "Round 2"). Where its
process ends between them and is back within the session, the broker hands it the first round's
assignment, in which there is nothing to give up, and nobody asks. Here a member that is new joins
once more, one session later: a join waits for every member, and reads nothing meanwhile. By then
the others that went down with it are back, or known to be gone.
"""

from __future__ import annotations

from typing import Any

from kafka.errors import RebalanceInProgressError
from kafka.structs import MemberState


class _Joins:
    """Stands before a coordinator's steps: join, take the result over, and forget it all."""

    def __init__(self, coordinator: Any) -> None:
        self._coordinator = coordinator
        self._join = coordinator._do_join_and_sync_async
        self._complete = coordinator._on_join_complete_async
        self._reset = coordinator.reset_generation
        self._unused: tuple[Any, bytes] | None = None
        self._is_new = False

    async def join(self) -> bytes:
        kept, self._unused = self._unused, None
        if not self._coordinator.rejoining:
            raise RebalanceInProgressError  # thrown out since the attempt began: begin anew
        if kept is not None and self._still_holds(kept[0]):
            assignment = kept[1]
        else:
            self._is_new |= not self._coordinator._generation.has_member_id()
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
        if self._is_new:
            self._is_new = False
            session_s = self._coordinator.config["session_timeout_ms"] / 1000
            self._coordinator._net.call_later(session_s, self._coordinator.request_rejoin)

    def reset(self, *arguments: Any, **named: Any) -> None:
        self._reset(*arguments, **named)
        self._coordinator.rejoining = False
        for assignor in self._coordinator._assignors.values():
            assignor.member_assignment = None


def repair_joins(consumer: Any) -> None:
    """Repair one consumer, before it polls for the first time."""
    coordinator = consumer._coordinator
    joins = _Joins(coordinator)
    coordinator._do_join_and_sync_async = joins.join
    coordinator._on_join_complete_async = joins.complete
    coordinator.reset_generation = joins.reset
