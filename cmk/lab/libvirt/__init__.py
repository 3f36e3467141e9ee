"""libvirt: the lab's own daemon, connections, and the XML of domains, pools and volumes."""
