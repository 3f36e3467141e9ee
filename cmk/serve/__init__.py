"""The lab behind CloudStack's own API over HTTP."""
