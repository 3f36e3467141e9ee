"""The process that runs jobs: `main()` with the lab's directory as its one argument."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Work until no job is left. Its words go to `jobs/workers.log`."""
    os.chdir("/")
    from cmk.environment import Environment
    from cmk.lab.directory import LabDirectory
    from cmk.lab.engine import Lab
    from cmk.lab.jobs import work

    directory = LabDirectory.at(sys.argv[1])
    if not directory.store.exists():
        return  # the lab was removed meanwhile, and must not come back
    lab = Lab(directory, Environment.of_process())
    try:
        work(lab)
    finally:
        lab.close()
