"""A CloudMonkey-style command line for Apache CloudStack, with a direct-download lab of its own."""

__version__ = "0.1.0"
