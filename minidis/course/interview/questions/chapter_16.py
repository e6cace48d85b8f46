"""The interview cards that chapter 16 answers."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC12",
        (16,),
        "How do you implement distributed locking with Redis?",
        claim=(
            "SET key id NX PX ttl, one command; an id of one's own for each attempt; release by a script "
            "that deletes only if the value is still that id, and whose answer is looked at. Retry with "
            "jitter and a deadline. If a double entry would do harm: a fencing token, drawn in the same "
            "script as the lock and checked by the resource."
        ),
        evidence=(
            "I took each part away and ran every schedule: SETNX plus EXPIRE can leave a lock for ever; "
            "plain DEL lets two in that were both in time; GET then DEL does in one schedule. With all "
            "parts the shortest double entry has five steps, one of them a pause; with the token no late "
            "write is accepted."
        ),
        caveat=(
            "The lock lives in a cache that may evict it, on a node that replicates asynchronously. A "
            "release that answers 0 means that I have worked without it."
        ),
        follow_up=(
            "Who checks the token when the resource is a mail server? Nobody: then make the operation "
            "idempotent."
        ),
    )
)

add(
    Card(
        "AC16",
        (16,),
        "What's the difference between Redis distributed locks and database pessimistic locks?",
        claim=(
            "The database's lock lives where the data live: it blocks others, has no time to live, ends "
            "with commit, rollback or connection, and data and lock go back together. A Redis lock lives "
            "elsewhere: it fails fast, ends by time, and knows nothing of what I have written."
        ),
        evidence=(
            "Same row, same faults. Holder killed: the database rolled back and let go at once; with "
            "Redis the row stayed half-written until the time to live was over. Holder paused: the "
            "database made the other wait; with Redis he came in, and an update was lost."
        ),
        caveat=(
            "An idle transaction holds its rows for ever, a dead client until TCP notices; two rows in "
            "two orders are a deadlock. FOR UPDATE scales with one database, not across services."
        ),
        follow_up=(
            "NOWAIT, SKIP LOCKED (queues), a version column instead of a lock. When do I need Redis at all?"
        ),
    )
)

add(
    Card(
        "AC17",
        (16,),
        "How do you handle lock expiration issues in Redis?",
        claim=(
            "First keep the work short and the TTL ample. For long work a heartbeat that extends by "
            "compare-and-pexpire, stops at once, reports a loss to the work, and has a maximum life. And "
            "because a pause stops heartbeat and work together: a fencing token where it matters."
        ),
        evidence=(
            "12 s of work under 10 s: two seconds of double entry, and the job returned True. The guide's"
            " heartbeat prevented that; it ignored a lost lock for ten seconds, died silently of one "
            "timeout, and let a hung owner starve everybody. Only the fenced store refused the late "
            "writer in all trials."
        ),
        caveat=(
            "A TTL that is never too short makes everybody wait for a dead owner: 58 s in my trial with 60."
        ),
        follow_up=(
            "The heartbeat's own timeout, the last beat that arrived after all, and who ends the hung work?"
        ),
    )
)

add(
    Card(
        "AC19",
        (16,),
        "What is the Redlock algorithm and when should you use it?",
        claim=(
            "The same SET NX PX on a majority of independent nodes, each asked briefly; valid for TTL "
            "minus what the asking took minus drift; released everywhere, retried after a random delay. "
            "For efficiency when one node's failure must not stop or double the work; not for "
            "correctness."
        ),
        evidence=(
            "Five nodes stood two losses, walls and resets. A search found double entries by one pause, "
            "by stepped clocks of a majority; three restarts without memory did it, two did "
            "not. Each shown with the few faults "
            "it needs. The guide's code had six faults, among them a release that speaks to the wrong "
            "instance."
        ),
        caveat=(
            "It assumes bounded pauses and clocks that drift, not jump; restarted nodes must stay away "
            "for a TTL. It gives no fencing token."
        ),
        follow_up=("Kleppmann's and antirez's arguments; etcd or ZooKeeper give a revision that can fence."),
    )
)

add(
    Card(
        "AC20",
        (16,),
        "What are the limitations of using Redis for distributed locking?",
        claim=(
            "Liveness yes, safety no: a lock that expires can't keep two out under a pause, whatever the "
            "TTL. Asynchronous failover and restarts lose it, eviction too, a stepped server clock ends "
            "it. It is not coupled to the data. Use it to avoid double work, not to prevent harm."
        ),
        evidence=(
            "All schedules of three workers and time, more than ten thousand: the shortest violation is "
            "SET, work, pause, SET, work. With a check at the resource none is left, and some writers are"
            " refused."
        ),
        caveat=("The token's counter may be lost, too: keep it with the data, or with consensus."),
        follow_up=(
            "Decision: efficiency -> one Redis lock; correctness on one database -> its own lock or a "
            "version; correctness across systems -> consensus and fencing, or idempotency."
        ),
    )
)
