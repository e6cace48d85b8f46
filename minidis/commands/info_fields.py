"""The fields of INFO: their order, and those whose thing does not exist here.

Programs read INFO by name, people by place: they look for `mem_fragmentation_ratio` below `maxmemory`. So
whoever counts something gives its field (`@section`, information.py) without a thought for its place, and
the lists below put all of them in Redis's order.

A few fields of Redis count what this server has not, by design: there is no fork, no moving of objects, no
second thread. They are shown with 0, which is the truth, since monitoring programs ask for them; ABSENT says
why, and is the only place where a figure is written down.

Mirrors: genRedisInfoString in server.c of Redis 7.2.
Complexity: O(fields of a section).

>>> [name for name, _ in in_order("clients", {"blocked_clients": 1, "connected_clients": 7})][:3]
['connected_clients', 'cluster_connections', 'blocked_clients']

>>> parse_info("# Replication\\r\\nrole:slave\\r\\nmaster_host:10.0.0.1\\r\\n")
{'role': 'slave', 'master_host': '10.0.0.1'}

Read next: information.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_ORDER_TEXT = {
    "server": """
        redis_version redis_git_sha1 redis_git_dirty redis_build_id redis_mode os arch_bits monotonic_clock
        multiplexing_api atomicvar_api gcc_version process_id process_supervised run_id tcp_port
        server_time_usec uptime_in_seconds uptime_in_days hz configured_hz lru_clock executable config_file
        io_threads_active
    """,
    "clients": """
        connected_clients cluster_connections maxclients client_recent_max_input_buffer
        client_recent_max_output_buffer blocked_clients tracking_clients clients_in_timeout_table
        total_blocking_keys total_blocking_keys_on_nokey
    """,
    "memory": """
        used_memory used_memory_human used_memory_rss used_memory_rss_human used_memory_peak
        used_memory_peak_human used_memory_peak_perc used_memory_overhead used_memory_startup
        used_memory_dataset used_memory_dataset_perc allocator_allocated allocator_active allocator_resident
        total_system_memory total_system_memory_human used_memory_lua used_memory_vm_eval
        used_memory_lua_human used_memory_scripts_eval number_of_cached_scripts number_of_functions
        number_of_libraries used_memory_vm_functions used_memory_vm_total used_memory_vm_total_human
        used_memory_functions used_memory_scripts used_memory_scripts_human maxmemory maxmemory_human
        maxmemory_policy allocator_frag_ratio allocator_frag_bytes allocator_rss_ratio allocator_rss_bytes
        rss_overhead_ratio rss_overhead_bytes mem_fragmentation_ratio mem_fragmentation_bytes
        mem_not_counted_for_evict mem_replication_backlog mem_total_replication_buffers mem_clients_slaves
        mem_clients_normal mem_cluster_links mem_aof_buffer mem_allocator active_defrag_running
        lazyfree_pending_objects lazyfreed_objects
    """,
    "persistence": """
        loading async_loading current_cow_peak current_cow_size current_cow_size_age current_fork_perc
        current_save_keys_processed current_save_keys_total rdb_changes_since_last_save
        rdb_bgsave_in_progress rdb_last_save_time rdb_last_bgsave_status rdb_last_bgsave_time_sec
        rdb_current_bgsave_time_sec rdb_saves rdb_last_cow_size rdb_last_load_keys_expired
        rdb_last_load_keys_loaded aof_enabled aof_rewrite_in_progress aof_rewrite_scheduled
        aof_last_rewrite_time_sec aof_current_rewrite_time_sec aof_last_bgrewrite_status aof_rewrites
        aof_rewrites_consecutive_failures aof_last_write_status aof_last_cow_size module_fork_in_progress
        module_fork_last_cow_size
    """,
    "stats": """
        total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes
        total_net_output_bytes total_net_repl_input_bytes total_net_repl_output_bytes
        instantaneous_input_kbps instantaneous_output_kbps instantaneous_input_repl_kbps
        instantaneous_output_repl_kbps rejected_connections sync_full sync_partial_ok sync_partial_err
        expired_keys expired_stale_perc expired_time_cap_reached_count expire_cycle_cpu_milliseconds
        evicted_keys evicted_clients total_eviction_exceeded_time current_eviction_exceeded_time
        keyspace_hits keyspace_misses pubsub_channels pubsub_patterns pubsubshard_channels latest_fork_usec
        total_forks migrate_cached_sockets slave_expires_tracked_keys active_defrag_hits
        active_defrag_misses active_defrag_key_hits active_defrag_key_misses total_active_defrag_time
        current_active_defrag_time tracking_total_keys tracking_total_items tracking_total_prefixes
        unexpected_error_replies total_error_replies dump_payload_sanitizations total_reads_processed
        total_writes_processed io_threaded_reads_processed io_threaded_writes_processed reply_buffer_shrinks
        reply_buffer_expands eventloop_cycles eventloop_duration_sum eventloop_duration_cmd_sum
        instantaneous_eventloop_cycles_per_sec instantaneous_eventloop_duration_usec acl_access_denied_auth
        acl_access_denied_cmd acl_access_denied_key acl_access_denied_channel
    """,
}

ABSENT_REASONS = {
    "io_threads_active io_threaded_reads_processed io_threaded_writes_processed": "one thread does all",
    "current_cow_peak current_cow_size current_cow_size_age rdb_last_cow_size aof_last_cow_size "
    "latest_fork_usec": "a snapshot forks nothing, so no page is copied (engine/durability/snapshots.py)",
    "module_fork_in_progress module_fork_last_cow_size": "there are no modules",
    "active_defrag_running active_defrag_hits active_defrag_misses active_defrag_key_hits "
    "active_defrag_key_misses total_active_defrag_time current_active_defrag_time": "CPython moves no object",
    "eventloop_cycles eventloop_duration_sum eventloop_duration_cmd_sum "
    "instantaneous_eventloop_cycles_per_sec instantaneous_eventloop_duration_usec": "the event loop is "
    "asyncio's or uvloop's, which counts no cycles",
    "cluster_connections mem_cluster_links": "no node of a cluster is connected",
}
"""Fields -> why they are 0, unless a maker gives them."""

ABSENT = {name: reason for names, reason in ABSENT_REASONS.items() for name in names.split()}

_NOT_NOW = object()

_BLANKS: dict[str, dict[str, object]] = {
    section: {name: 0 if name in ABSENT else _NOT_NOW for name in text.split()}
    for section, text in _ORDER_TEXT.items()
}
"""Section -> its fields as Redis 7.2 orders them, before anybody has filled them in."""


def in_order(section: str, fields: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The fields of a section in Redis's order, with 0 for those that are absent by design.

    What Redis has not, or shows only now and then (`aof_current_size`), follows in its makers' order.
    """
    filled = {**_BLANKS.get(section, {}), **fields}
    return ((name, value) for name, value in filled.items() if value is not _NOT_NOW)


def assignments(text: str, separator: str = ",") -> dict[str, str]:
    """`keys=3,expires=1` as a dict."""
    return {name: value for name, _, value in (part.partition("=") for part in text.split(separator))}


def parse_info(text: str) -> dict[str, str]:
    """The fields of an INFO, whichever server wrote it."""
    lines = (line.rstrip("\r").partition(":") for line in text.split("\n") if not line.startswith("#"))
    return {name: value for name, colon, value in lines if colon}
