"""What the router tells the lab when it cannot do something."""


class Failed(Exception):
    """A step was refused by the kernel or a program, with its words."""
