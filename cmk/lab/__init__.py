"""The lab: CloudStack's API over SQLite, libvirt and the agent, with no management server."""
