"""The interview card that chapter 10 answers."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC7",
        (10,),
        "Explain Redis Pub/Sub and when to use it.",
        claim=(
            "A message goes to whoever is subscribed to its channel, or to a pattern that matches, at that "
            "moment, and is stored nowhere: at most once. PUBLISH answers how often it was handed out. I use "
            "it for what is worthless a second later (live dashboards, 'drop your cached copy'), and a "
            "stream with a consumer group where a loss would be noticed."
        ),
        evidence=(
            "Ten messages, one subscriber cut off for three seconds: four lost, and no error anywhere. One "
            "that stopped reading was hung up on at the output limit, and lost what was already buffered for "
            "it. The same on a stream: nobody lost any, each read on from its last id. A worker killed "
            "before XACK left its entry pending; another claimed it after 30 s idle, and it ran twice."
        ),
        caveat=(
            "A client with a channel and a matching pattern gets two copies. In RESP2 a subscriber can do "
            "nothing else. On a Cluster every PUBLISH goes to all nodes; SPUBLISH stays on a shard. Streams "
            "are at least once, need trimming, and nobody claims for you."
        ),
        follow_up=(
            "Can expired events drive a scheduler? No: the event comes when the key is found dead, by an "
            "access or the active cycle, and by Pub/Sub, so a watcher that is away misses it. Use a sorted "
            "set of due times. And how do you stop a poisonous job? By its delivery count in XPENDING."
        ),
    )
)
