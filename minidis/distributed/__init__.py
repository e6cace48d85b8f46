"""Roles that a node plays among others: replica and primary, Sentinel, Cluster."""
