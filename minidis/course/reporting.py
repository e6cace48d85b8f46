"""What exercise 14.5 stands on: a lab whose nodes count failure reports by a learner's rules.

    with reporting(FailureReports, has_failed): ...     every FAIL in the block is the learner's verdict

Read next: minidis/distributed/cluster/detection.py, after you have passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from minidis.course.guard import instruction_budget
from minidis.distributed.cluster import detection
from minidis.distributed.cluster.state import ClusterNode

INSTRUCTIONS = 1_000_000


@contextmanager
def reporting(make: Callable[[], Any], has_failed: Callable[..., Any]) -> Iterator[None]:
    """Let a learner's reports stand beside the engine's own, and decide."""
    kept: dict[int, tuple[ClusterNode, Any]] = {}  # by the object: each node has one for each other
    report, withdraw = ClusterNode.report_failure, ClusterNode.withdraw_failure

    def reports_of(node: ClusterNode) -> Any:
        if id(node) not in kept:
            kept[id(node)] = node, make()
        return kept[id(node)][1]

    def report_failure(node: ClusterNode, reporter: ClusterNode, now_ms: int) -> bool:
        with instruction_budget(INSTRUCTIONS):
            reports_of(node).report(reporter.name, now_ms)
        return report(node, reporter, now_ms)

    def withdraw_failure(node: ClusterNode, reporter: ClusterNode) -> bool:
        with instruction_budget(INSTRUCTIONS):
            reports_of(node).withdraw(reporter.name)
        return withdraw(node, reporter)

    def mark_failed_if_agreed(bus: Any, node: ClusterNode) -> None:
        with instruction_budget(INSTRUCTIONS):
            count = reports_of(node).count(bus.now_ms, bus.timeout_ms)
            verdict = has_failed(node.may_be_failing, bus.state.myself.is_primary, count, bus.state.size)
        if verdict and not node.has_failed:
            detection.declare_failed(bus, node)

    with (
        mock.patch.object(ClusterNode, "report_failure", report_failure),
        mock.patch.object(ClusterNode, "withdraw_failure", withdraw_failure),
        mock.patch.object(detection, "mark_failed_if_agreed", mark_failed_if_agreed),
    ):
        yield
