"""The ACL categories of a command: @read, @dangerous, @hash ..., twenty-one of them.

    from its flags    WRITE -> @write   READONLY -> @read   ADMIN -> @admin @dangerous   FAST -> @fast
    from its group    the module that it stands in: @hash, @stream, @geo ...
    by hand           where Redis says otherwise: KEYS is @dangerous, DBSIZE is @keyspace

Mirrors: ACLCommandCategories in acl.c, setImplicitACLCategories in server.c.
Complexity: O(1).

>>> from minidis.drivers.embedded import Embedded
>>> categories(Embedded(clock=0).node.commands.by_name["keys"])
['@keyspace', '@dangerous', '@read', '@slow']

Read next: minidis/engine/access_control/acl.py.
"""

from __future__ import annotations

from minidis.engine.command_table.registry import Command, Flag

CATEGORIES = tuple(
    "keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow "
    "blocking dangerous connection transaction scripting".split()
)
"""All of them, in the order of ACL CAT."""


def has_category(entry: Command, category: str) -> bool:
    """Is a command in `category` (without the @)?"""
    return f"@{category}" in categories(entry)


def categories(entry: Command) -> list[str]:
    """The ACL categories: those listed by hand or of its group, and those that follow from the flags."""
    if entry.subcommands and not entry.flags:
        return ["@slow"]  # a container is nothing by itself
    of_group = [_CATEGORIES_OF_GROUP[entry.group]] if entry.group in _CATEGORIES_OF_GROUP else []
    names = _LISTED_CATEGORIES.get(entry.name.partition("|")[0], of_group).copy()
    bits = entry.flags.value  # a plain number, which is tested in a tenth of the time
    names += [name for flag, name in _CATEGORIES_OF_FLAGS.items() if bits & flag]
    if entry.group == "scripting" and "@read" in names:  # what a script does is not known
        names.remove("@read")
    if bits & _DANGEROUS:
        names.append("@dangerous")
    names.append("@fast" if entry.is_fast else "@slow")
    return list(dict.fromkeys(names))


_CATEGORIES_OF_FLAGS = {
    Flag.WRITE.value: "@write",
    Flag.READONLY.value: "@read",
    Flag.ADMIN.value: "@admin",
    Flag.PUBSUB.value: "@pubsub",
    Flag.BLOCKING.value: "@blocking",
}
_DANGEROUS = (Flag.ADMIN | Flag.DANGEROUS).value

# Where the group doesn't say it: Redis lists these by hand too.
_LISTED_CATEGORIES = {
    "asking": ["@connection"],
    "command": ["@connection"],
    "dbsize": ["@keyspace"],
    "flushall": ["@keyspace"],
    "flushdb": ["@keyspace"],
    "keys": ["@keyspace", "@dangerous"],
    "lastsave": ["@admin", "@dangerous"],
    "readonly": ["@connection"],
    "readwrite": ["@connection"],
    "restore-asking": ["@keyspace"],
    "role": ["@admin", "@dangerous"],
    "sort": ["@set", "@sortedset", "@list", "@dangerous"],
    "sort_ro": ["@set", "@sortedset", "@list", "@dangerous"],
    "swapdb": ["@keyspace"],
    "wait": ["@connection"],
    "waitaof": ["@connection"],
}

_CATEGORIES_OF_GROUP = {
    "string": "@string",
    "bitmap": "@bitmap",
    "hyperloglog": "@hyperloglog",
    "list": "@list",
    "set": "@set",
    "sorted-set": "@sortedset",
    "hash": "@hash",
    "stream": "@stream",
    "geo": "@geo",
    "generic": "@keyspace",
    "connection": "@connection",
    "transactions": "@transaction",
    "scripting": "@scripting",
}
