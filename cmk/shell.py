"""The interactive shell: a prompt, and the same lines as everywhere."""

from __future__ import annotations

from collections.abc import Callable

from cmk.errors import ExitStatus
from cmk.session import Session


class Shell:
    """Reads lines at a prompt until `exit` or Ctrl-D; Ctrl-C cancels a line, never the shell."""

    def __init__(self, session: Session, run_line: Callable[[str], int]) -> None:
        self._session = session
        self._run_line = run_line

    def run(self) -> int:
        """Returns the status of the last line."""
        from prompt_toolkit import PromptSession

        profile = self._session.profile
        prompt: PromptSession[str] = PromptSession(f"({profile.name or profile.url}) cmk > ")
        status = int(ExitStatus.DONE)
        while True:
            try:
                line = self._read(prompt)
                status = self._run_line(line) if line.strip() else status
                self._session.environment.stdout.flush()
            except EOFError:
                return status
            except KeyboardInterrupt:
                continue

    @staticmethod
    def _read(prompt: object) -> str:
        """A logical line: one that ends in a backslash goes on."""
        line: str = prompt.prompt()  # type: ignore[attr-defined]
        while line.endswith("\\") and not line.endswith("\\\\"):
            line = line[:-1] + prompt.prompt("... > ")  # type: ignore[attr-defined]
        return line
