"""The interview card that chapter 14 answers."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC11",
        (14,),
        "How does Redis Cluster work?",
        claim=(
            "Every key lies in one of 16384 slots, CRC16 of the key or of its {tag}; each slot is owned by "
            "one primary, and clients keep a map. A node never forwards: MOVED corrects the map, ASK is for "
            "one command while a slot is on its way. Nodes gossip; a primary that a majority of primaries "
            "can't reach is FAIL, and one of its replicas is elected by the votes of the other primaries, in "
            "a new config epoch. The greatest epoch owns a slot."
        ),
        evidence=(
            "MSET of two keys of one node but two slots: CROSSSLOT. A slot stopped half-moved: ASK for the "
            "keys that have gone, TRYAGAIN for a pair. A primary killed: FAIL after node-timeout, votes, and "
            "a replica on a higher rung a second later. With two primaries nobody was elected, and the "
            "healthy one stopped."
        ),
        caveat=(
            "A primary among a minority acknowledges for about node-timeout before it refuses, and all of "
            "that is lost. One uncovered slot stops the whole cluster unless "
            "cluster-require-full-coverage is no. Commands, transactions and scripts need one slot; a hot "
            "key cannot be split."
        ),
        follow_up=(
            "Why 16384? The bitmap of slots travels in every message: 2 KB. Why three primaries? The "
            "smallest number whose majority survives a death. MOVED or ASK, which may be cached? MOVED; "
            "after an ASK the slot still belongs to the node that said so."
        ),
    )
)
