"""What runs on a host: it downloads, checks and keeps images in the host's pools.

It stands alone (nothing of cmk outside this package, Python 3.9 or newer), so that it can be sent
to a host; see `cmk.agent.protocol` for how it is spoken to.
"""
