"""Hosts: the way to each, what they can do, and where a VM can run."""
