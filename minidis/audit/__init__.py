"""The guide's 15 best practices and 14 pitfalls as running checks on any node.

    report = audit(redis)                    a redis-py client: of a real server, or of a node in this process
    report = audit(redis, traffic=lines)     ... and what MONITOR showed of its traffic, a list of lines

A server knows how it is set up, what it holds and what it has counted. It does not know what your code does
between two commands; its traffic tells a part of that (a lock released by DEL, a loop of single SETs). So a
check has three verdicts: pass, fail, and *cannot be told from here*, each with its evidence, and with the
repair where one is due.

    line.py       one connection, many questions on one trip; what is refused stays a fact
    facts.py      INFO, CONFIG, ACL, CLIENT LIST, SLOWLOG, a sample of keys
    traffic.py    MONITOR's lines as requests
    locks.py      who held which lock, how long, and how he let it go
    practices.py  AF1 to AF15
    pitfalls.py   AG1 to AG14
    report.py     the verdicts

The audit only reads: it changes no key, no setting, and (where CLIENT NO-TOUCH is known) no access time.

Complexity: O(sampled keys + lines of traffic), about a dozen round trips.

>>> import minidis
>>> report = audit(minidis.connect(minidis.Embedded(clock=0, seed=1)))
>>> len(report.findings), report["AG2"].verdict, report["AF10"].verdict
(29, 'cannot tell', 'fail')

Read next: facts.py.
"""

from minidis.audit.report import Finding, Report, audit

__all__ = ["Finding", "Report", "audit"]
