"""The lab's APIs, one module a noun."""
