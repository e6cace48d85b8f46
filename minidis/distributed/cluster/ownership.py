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
Differs: claims are compared as sets, not slot by slot.
Complexity: O(1) while claims agree with what is known, else O(nodes + ranges of slots).

Read next: election.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.distributed.cluster.slots import SlotSet, each
from minidis.distributed.cluster.state import ClusterNode, ClusterState

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
    newer = newer_owner(bus.state, message.slots & ~sender.slots, message.config_epoch)
    if newer is not None:
        owner = newer[1]
        bus.log(
            "verbose",
            f"Node {sender.name} has old slots configuration, sending an UPDATE message about {owner.name}",
        )
        bus.send_update(sender, owner)


def newer_owner(state: ClusterState, claimed: SlotSet, config_epoch: int) -> tuple[int, ClusterNode] | None:
    """The first of these slots that somebody serves since a later epoch than that, and who."""
    found = None
    for node in state.nodes.values():
        disputed = node.slots & claimed & ~state.unclaimed if node.config_epoch > config_epoch else 0
        if disputed:
            slot = (disputed & -disputed).bit_length() - 1
            if found is None or slot < found[0]:
                found = slot, node
    return found


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
    won = claimed & ~claimant.slots
    for slot in state.importing_from:
        won &= ~(1 << slot)  # that will be closed by hand
    for node in state.nodes.values():
        if node.slots and node.config_epoch >= config_epoch:
            won &= ~(node.slots & ~state.unclaimed)
    my_primary = myself if myself.is_primary else myself.primary
    from_us = 0 if my_primary is None else (won & my_primary.slots).bit_count()
    lost = won & myself.slots
    if won:
        bus.cluster.give_set(won, claimant)
        bus.note_change(save=True, state=True)
    _draw_conclusions(bus, claimant, claimed, from_us, lost)


def _draw_conclusions(bus: Bus, claimant: ClusterNode, claimed: SlotSet, from_us: int, lost: SlotSet) -> None:
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
    else:
        for slot in each(lost):
            bus.cluster.delete_keys(slot)


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
