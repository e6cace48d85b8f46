"""The interview card that chapter 17 answers."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC18",
        (17,),
        "How would you implement idempotency using Redis?",
        claim=(
            "The client sends a key; SET key record NX GET EX reserves it, with the request's fingerprint, "
            "in one command; the operation runs; the record becomes finished, with the result, and is "
            "replayed to all who ask later. Another request under the same key is a conflict. A record that "
            "stays begun means that nobody knows: refuse, or hand the key on to a provider that knows "
            "references."
        ),
        evidence=(
            "I killed the usual lock-and-cache version at each of its 21 lines, and a provider counted: it "
            "charged twice at two of them, the lines between the charge and the record, and without any "
            "crash when the work outlived the lock. Reserve and complete: never twice, at four lines "
            "'unknown'; with the provider's reference once at every line."
        ),
        caveat=(
            "The record must be as durable as the effect: everysec lost the reservation in a power cut, "
            "eviction and failover forget it. So appendfsync always, WAITAOF, noeviction; or a unique key in "
            "the database, in the same transaction."
        ),
        follow_up=(
            "How do database and Redis stay in step? An outbox: order and event in one transaction, a relay "
            "that sends at least once, a consumer that marks and acts in one step."
        ),
    )
)
