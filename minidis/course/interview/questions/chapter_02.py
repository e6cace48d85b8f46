"""The interview card of chapter 2."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC5",
        (2,),
        "How does Redis handle expiration of keys?",
        claim="Each key carries a deadline in unix milliseconds, and two mechanisms free dead keys. "
        "Lazy: whoever asks for a dead key is told nil, and it is freed then. Active: ten "
        "times a second the server samples 20 keys that have a time to live, frees the dead "
        "ones, and draws again while more than a tenth of a sample was dead, for 25 ms at "
        "most. So a key is gone for readers at its deadline, and gone from memory some time "
        "after it.",
        evidence="On the TTL board eight of 24 keys were dead and DBSIZE still counted all; one GET "
        "freed one, one cycle freed the rest. With one key in eight dead, a cycle stopped "
        "early by luck of the draw, and the dead share sank under a tenth within a second. 30 "
        "000 keys with one deadline kept the cycle at its 25 ms limit.",
        caveat="A replica frees nothing by its own clock: it hides a dead key and waits for the DEL "
        "that its primary journals. A plain SET drops the time to live. The deadline is by "
        "the server's wall clock: set that back, and keys live longer.",
        follow_up="Why must a cache add jitter to its times to live, and what do hz and "
        "active-expire-effort trade?",
    )
)
