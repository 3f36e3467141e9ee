"""`python -m cmk` and the `cmk` command."""

import os
import sys


def main() -> None:
    """Run one command line and leave with its exit status."""
    try:
        _main()
    except KeyboardInterrupt:  # before there was anybody to tell it
        os.write(2, b"cmk: Interrupted.\n")
        os._exit(130)


def _main() -> None:
    from cmk.environment import Environment

    environment = Environment.of_process()
    if sys.argv[1:2] == ["__complete"]:  # a key was pressed: what it needs, and nothing else
        from cmk.completion import tab

        status = tab.main(sys.argv[2:], environment)
        sys.stdout.flush()
        os._exit(status)  # taking the interpreter apart would be a tenth of all the time

    from cmk.cli import run

    sys.exit(run(sys.argv[1:], environment))


if __name__ == "__main__":
    main()
