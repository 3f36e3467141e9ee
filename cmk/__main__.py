"""`python -m cmk` and the `cmk` command."""

import sys


def main() -> None:
    """Run one command line and leave with its exit status."""
    from cmk.cli import run
    from cmk.environment import Environment

    sys.exit(run(sys.argv[1:], Environment.of_process()))


if __name__ == "__main__":
    main()
