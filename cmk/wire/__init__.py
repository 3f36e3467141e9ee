"""CloudStack's protocol, as both of its ends speak it."""
