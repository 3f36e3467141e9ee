"""One line on a terminal's stderr that tells how a job is getting on; nothing elsewhere."""

from __future__ import annotations

import time
from typing import Any, Protocol

from cmk.environment import Environment, harmless


class Bar(Protocol):
    """What shows progress."""

    def update(self, progress: dict[str, Any]) -> None: ...
    def clear(self) -> None: ...


class NoBar:
    """For pipes, files and `TERM=dumb`: silence."""

    def update(self, progress: dict[str, Any]) -> None:
        pass

    def clear(self) -> None:
        pass


class TerminalBar:
    """Phase, a bar with bytes, rate and time left where they are known, else the time so far."""

    WIDTH = 24
    EVERY = 0.1

    def __init__(self, environment: Environment, jobid: str = "") -> None:
        self._jobid = jobid
        self._stream = environment.stderr
        self._columns = environment.width
        self._began = time.monotonic()
        self._drawn = 0.0

    def update(self, progress: dict[str, Any]) -> None:
        now = time.monotonic()
        if now - self._drawn < self.EVERY:
            return
        self._drawn = now
        line = line_of(progress, now - self._began)
        if not progress and self._jobid:
            line = f"Job {self._jobid}  {clock(now - self._began)}"
        line = harmless(line)[: self._columns - 1]
        self._stream.write(f"\r\x1b[K{line}")
        self._stream.flush()

    def clear(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = 0.0


class SpokenBar:
    """A line every ten seconds, for pipes and logs; for a screen reader (CMK_NO_ANIMATION) one at
    each phase, too."""

    EVERY = 10.0

    def __init__(self, environment: Environment, jobid: str = "") -> None:
        self._environment = environment
        self._tells_phases = environment.error_is_terminal
        self._job = "" if environment.error_is_terminal or not jobid else f"Job {jobid}: "
        self._began = time.monotonic()
        self._phase = ""
        self._told = self._began

    def update(self, progress: dict[str, Any]) -> None:
        now, phase = time.monotonic(), str(progress.get("phase") or "Waiting")
        is_new = phase != self._phase and self._tells_phases
        if not is_new and now - self._told < self.EVERY:
            return
        self._phase, self._told = phase, now
        line = line_of(progress, now - self._began, is_drawn=False)
        self._environment.say(f"{self._job}{line}")

    def clear(self) -> None:
        """What was said cannot be taken back."""


def bar_for(environment: Environment, jobid: str = "") -> Bar:
    """A bar where a person looks on, lines elsewhere, nothing with --quiet."""
    if environment.is_quiet:
        return NoBar()
    return (
        TerminalBar(environment, jobid) if environment.is_lively else SpokenBar(environment, jobid)
    )


def line_of(progress: dict[str, Any], elapsed: float, is_drawn: bool = True) -> str:
    """The text of the bar, with or without its picture.

    `progress` may have phase, bytes, total (bytes) and rate (bytes/s); elapsed is in seconds.
    """
    phase = harmless(str(progress.get("phase") or "Waiting"))
    done, total, rate = (_number(progress.get(key)) for key in ("bytes", "total", "rate"))
    if done is None:
        return f"{phase}  {clock(elapsed)}"
    parts = [phase]
    if total:
        share = min(done / total, 1.0)
        full = int(share * TerminalBar.WIDTH)
        picture = f" [{'#' * full}{'-' * (TerminalBar.WIDTH - full)}]" if is_drawn else ""
        parts.append(f"{share:4.0%}{picture}")
        parts.append(f"{size(done)} / {size(total)}")
    else:
        parts.append(size(done))
    if rate:
        parts.append(f"{size(rate)}/s")
        if total:
            parts.append(f"{clock((total - done) / rate)} left")
    return "  ".join(parts)


def _number(value: Any) -> float | None:
    """A count of a server that may have sent anything else."""
    text = getattr(value, "text", value)  # numbers are kept as they were written
    try:
        number = None if isinstance(text, bool) else float(text)
    except (TypeError, ValueError):
        return None
    return number if number is not None and 0 <= number < 1e30 else None


def size(count: float) -> str:
    """Bytes as people read them: 1536 -> 1.5 KiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def clock(seconds: float) -> str:
    """Seconds as m:ss, from an hour on as h:mm:ss."""
    minutes, rest = divmod(int(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
