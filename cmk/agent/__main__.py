"""`python -m cmk.agent`: see `cmk.agent.protocol`."""

from .protocol import main

if __name__ == "__main__":
    main()
