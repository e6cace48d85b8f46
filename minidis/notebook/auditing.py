"""`%redis audit`: the guide's 29 checks on whatever the cells run on.

Read next: minidis/audit/__init__.py.
"""

from __future__ import annotations

from pathlib import Path

from minidis.audit import audit
from minidis.audit.line import Line
from minidis.audit.report import SIGNS, WORDS, Finding
from minidis.audit.traffic import TrafficError
from minidis.notebook.cluster_target import ClusterTarget
from minidis.notebook.rendering import Fragment
from minidis.notebook.session import Target
from minidis.notebook.targets import EmbeddedTarget, ServerTarget, TargetError

_STYLES = {"pass": "status", "fail": "error", "cannot tell": "note"}


def audit_blocks(target: Target, traffic_file: str | None) -> list[list[Fragment]]:
    """What `%redis audit` prints, a block for each check.  Raises TargetError."""
    if isinstance(target, ClusterTarget) or not isinstance(target, EmbeddedTarget | ServerTarget):
        raise TargetError(f"an audit looks at one node, and the cells run on {target.describe()}")
    traffic = None
    try:
        if traffic_file is not None:
            traffic = Path(traffic_file).read_text(encoding="utf-8", errors="replace").splitlines()
        connection = target.connect("audit")
        try:
            report = audit(Line(connection.call_many), traffic)
        finally:
            connection.close()
    except (OSError, TrafficError) as error:
        raise TargetError(str(error)) from None
    return [[("status", f"{target.describe()}, {report.summary}")], *map(_block, report)]


def _block(finding: Finding) -> list[Fragment]:
    fragments: list[Fragment] = [
        (_STYLES[finding.verdict], f"{SIGNS[finding.verdict]} {finding.item:<5}"),
        ("command", f"{finding.title}: "),
        (_STYLES[finding.verdict], WORDS[finding.verdict]),
        ("", f"\n        {finding.evidence}"),
    ]
    if finding.verdict == "fail":
        fragments.append(("string", f"\n        repair: {finding.repair}"))
    return fragments
