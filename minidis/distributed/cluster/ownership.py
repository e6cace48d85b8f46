"""Who serves a slot: the claim with the greatest config epoch.

    a says: slots 0-5460, epoch 1            b says: slots 0-5460, epoch 7       b has them

Each header claims slots. Whoever hears of a claim that is newer than what it knows, believes it; whoever
hears one that is older, answers with an UPDATE, so that a node that was away learns of its successor at once.

What a node does that has lost slots:

    all of them, to one node       it was replaced: it becomes that node's replica
    all of its primary's           the same for a replica: it follows the new primary
    some, and has keys in them     the keys go: they are the new owner's now

Two primaries with the same config epoch can't both be right one day. So the one with the smaller name takes a
new epoch, unasked; the largest name never moves, and in the end all differ.

Mirrors: clusterUpdateSlotsConfigWith, clusterHandleConfigEpochCollision, UPDATE in cluster.c.
Differs: claims are compared as sets; only slots that differ are looked at.
Complexity: O(1) while claims agree with what is known, else O(slots that differ).

Read next: election.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.distributed.cluster.slots import SlotSet, each
from minidis.distributed.cluster.state import ClusterNode

if TYPE_CHECKING:
    from minidis.distributed.cluster.bus import Bus
    from minidis.distributed.cluster.messages import Message, Updated


def compare(bus: Bus, message: Message, sender: ClusterNode) -> None:
    """Does the sender serve what we think?  Believe the newer of both."""
    primary = sender if sender.is_primary else sender.primary
    if primary is None or primary.slots == message.slots:
        return
    if sender.is_primary:
        take_claim(bus, sender, message.config_epoch, message.slots)
    _correct(bus, message, sender)


def _correct(bus: Bus, message: Message, sender: ClusterNode) -> None:
    """The sender claims a slot that somebody else serves since a later epoch: tell it so."""
    for slot in each(message.slots & ~sender.slots):
        owner = bus.state.owners[slot]
        if owner is None or owner is sender or bus.state.unclaimed >> slot & 1:
            continue
        if owner.config_epoch > message.config_epoch:
            bus.log(
                "verbose",
                f"Node {sender.name} has old slots configuration, sending "
                f"an UPDATE message about {owner.name}",
            )
            bus.send_update(sender, owner)
            return


def take_update(bus: Bus, update: Updated) -> None:
    """Somebody tells of a third node, which serves these slots since that epoch."""
    node = bus.state.find(update.name)
    if node is None or node.config_epoch >= update.config_epoch:
        return
    if node.is_replica:
        node.become_primary()
    node.config_epoch = update.config_epoch
    bus.note_change(save=True, state=True)
    take_claim(bus, node, update.config_epoch, update.slots)


def take_claim(bus: Bus, claimant: ClusterNode, config_epoch: int, claimed: SlotSet) -> None:
    """`claimant` claims these slots, in that epoch: give it those for which no newer claim is known."""
    state, myself = bus.state, bus.state.myself
    if claimant is myself:
        bus.log("notice", "Discarding UPDATE message about myself.")
        return
    state.unclaimed &= ~(claimed & claimant.slots)
    state.unclaimed |= claimant.slots & ~claimed  # its own, and it says nothing of them: stays so, for now
    my_primary = myself if myself.is_primary else myself.primary
    lost_keys, from_us = [], 0
    for slot in each(claimed & ~claimant.slots):
        owner = state.owners[slot]
        if slot in state.importing_from:
            continue  # it will be closed by hand
        if owner is not None and not state.unclaimed >> slot & 1 and owner.config_epoch >= config_epoch:
            continue
        if owner is myself:
            lost_keys.append(slot)
        from_us += owner is not None and owner is my_primary
        bus.cluster.give(slot, claimant)
        bus.note_change(save=True, state=True)
    _draw_conclusions(bus, claimant, claimed, from_us, lost_keys)


def _draw_conclusions(
    bus: Bus, claimant: ClusterNode, claimed: SlotSet, from_us: int, lost_keys: list[int]
) -> None:
    """Somebody has got slots of ours: do we follow it now?"""
    myself = bus.state.myself
    my_primary = myself if myself.is_primary else myself.primary
    takes_over = from_us and my_primary is not None and not my_primary.slot_count
    if takes_over and (bus.node.config.cluster_allow_replica_migration or claimed.bit_count() == from_us):
        bus.log(
            "notice",
            "Configuration change detected. Reconfiguring myself "
            f"as a replica of {claimant.name} ({claimant.human_name})",
        )
        bus.cluster.follow(claimant)
        return
    grand = None if myself.primary is None else myself.primary.primary
    if grand is not None and grand is not myself:
        bus.log(
            "notice",
            "I'm a sub-replica! Reconfiguring myself as a replica of grandmaster "
            f"{grand.name} ({grand.human_name})",
        )
        bus.cluster.follow(grand)
    elif lost_keys:
        for slot in lost_keys:
            bus.cluster.delete_keys(slot)


def take_all(bus: Bus, node: ClusterNode) -> None:
    """It serves nothing any more."""
    for slot in list(each(node.slots)):
        bus.cluster.take(slot)


def resolve_collision(bus: Bus, message: Message, sender: ClusterNode) -> None:
    """Two primaries with one config epoch: the smaller name takes a new one."""
    state, myself = bus.state, bus.state.myself
    if not (myself.is_primary and sender.is_primary) or sender.config_epoch != myself.config_epoch:
        return
    if message.config_epoch != myself.config_epoch or sender.name <= myself.name:
        return
    state.current_epoch += 1
    myself.config_epoch = state.current_epoch
    bus.log(
        "verbose",
        f"WARNING: configEpoch collision with node {sender.name} ({sender.human_name}). "
        f"configEpoch set to {myself.config_epoch}",
    )
    bus.note_change(save=True)
