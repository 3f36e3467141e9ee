"""What a person sees and types at: the prompt, the toolbar, the keys."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.application.current import get_app
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.formatted_text import fragment_list_width
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.output import create_output
from prompt_toolkit.utils import get_cwidth

from cmk.commands import BUILTINS
from cmk.shell.completer import LineCompleter
from cmk.shell.keys import keys
from cmk.shell.lexer import STYLE, LineLexer
from cmk.shell.tab import Tab

if TYPE_CHECKING:
    from cmk.shell.parts import ShellParts

#: Terminals whose fonts have no such face.
_POOR = ("dumb", "linux")

#: In front of the rows of a line that goes on.
MORE = "... > "


def made(shell: ShellParts) -> PromptSession[str]:
    """The prompt of a shell; for a screen reader (CMK_NO_ANIMATION) nothing opens by itself."""
    is_calm = shell.is_calm
    # Data alone goes into a pipe: a prompt beside it is for the person.
    output = (
        None if shell.environment.output_is_terminal else create_output(shell.environment.stderr)
    )
    completer = LineCompleter(shell.catalog, shell.values)
    session: PromptSession[str] = PromptSession(
        completer=completer,
        complete_while_typing=not is_calm,
        lexer=LineLexer(shell.catalog, frozenset(BUILTINS)),
        style=STYLE,
        key_bindings=keys(
            Tab(completer, lambda: waited(shell)), lambda: shell.tour.line if shell.tour else ""
        ),
        input_processors=[ShortSuggestion(lambda: get_cwidth(greeting(shell)))],
        output=output,
        multiline=True,
        prompt_continuation=lambda width, row, is_wrapped: "" if is_wrapped else MORE,
        history=shell.history,
        auto_suggest=None if is_calm else AutoSuggestFromHistory(),
        enable_suspend=True,
        enable_open_in_editor=True,
        bottom_toolbar=None if is_calm else lambda: toolbar(shell),
    )
    # A terminal that does not tell where its cursor is, such as expect's, is no reason to warn.
    session.app.renderer.cpr_not_supported_callback = None
    return session


class ShortSuggestion(Processor):
    """Cuts the grey suggestion off where its row ends: the popup would be drawn over the rest."""

    def __init__(self, first: Callable[[], int]) -> None:
        """`first` tells the width of what stands before the first row."""
        self._first = first

    def apply_transformation(self, given: TransformationInput) -> Transformation:
        *line, (style, text, *_) = given.fragments or [("", "")]
        if style != "class:auto-suggestion" or not text:
            return Transformation(given.fragments)
        columns = get_app().output.get_size().columns
        before = len(MORE) if given.lineno else self._first()
        room = columns - 1 - (before + fragment_list_width(line)) % columns
        shown = text if get_cwidth(text) <= room else text[: max(room - 1, 0)] + "…"
        return Transformation([*line, (style, shown)])


#: Seconds for which Tab waits for names.
PATIENCE = 2.0


def waited(shell: ShellParts) -> bool:
    """Wait a moment for the names that a server is being asked for, and say so; False where none
    are. What is typed meanwhile comes after."""
    if not shell.names.is_asking:
        return False
    app = get_app()
    shell.waits_for = "waiting for names …"
    app.render_counter += 1  # by which the toolbar is kept
    app.renderer.render(app, app.layout)
    shell.names.wait(PATIENCE)
    shell.waits_for = ""
    return True


def greeting(shell: ShellParts) -> str:
    """`(lab) 🐵 > `, or what `set prompt` says: another face, or `{profile} {user} {zone}`."""
    wanted = shell.setting("prompt")
    if "{" in wanted:
        return _filled(wanted, shell).rstrip() + " "
    face = "🐵" if wanted in ("", "random") else wanted
    if not face.isascii() and not (_can_show(shell, face) and _has_faces(shell)):
        face = "cmk"
    return f"({server(shell)}) {face} > "


def server(shell: ShellParts) -> str:
    """A profile's name; for a URL that has none, its host, or where the lab is."""
    profile = shell.profile
    if profile.name:
        return profile.name
    place = profile.url.rstrip("/")
    return f"lab:{'/'.join(place.split('/')[-2:])}" if profile.is_lab else place.split("/")[2]


def _filled(template: str, shell: ShellParts) -> str:
    """What is not known, or not known yet, is left out."""
    zones = shell.known("listZones") if "{zone}" in template else []
    values = {
        "profile": server(shell),
        "user": shell.profile.settings.get("username") or ("admin" if shell.profile.is_lab else ""),
        "zone": str(zones[0].get("name", "")) if len(zones) == 1 else "",
    }
    text = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)
    text = re.sub(r" +", " ", text)
    return "".join(char if char.isprintable() and _can_show(shell, char) else "?" for char in text)


def _has_faces(shell: ShellParts) -> bool:
    """Whether terminal and locale are more than letters."""
    told = shell.environment.variables
    locale = told.get("LC_ALL") or told.get("LC_CTYPE") or told.get("LANG") or ""
    return told.get("TERM", "dumb") not in _POOR and locale not in ("C", "POSIX")


def _can_show(shell: ShellParts, text: str) -> bool:
    try:
        text.encode(shell.environment.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def toolbar(shell: ShellParts) -> str:
    """`lab · lab: · 1 running · status 0 in 0.2 s · 22:55`; the URL goes where it does not fit."""
    columns = get_app().output.get_size().columns
    running = len(shell.background.running())
    parts = [
        shell.profile.name,
        shell.profile.url,
        f"{running} running" if running else "",
        f"status {shell.status} in {shell.took:.1f} s" if shell.took else f"status {shell.status}",
        time.strftime("%H:%M"),
        shell.waits_for,
        shell.names.problem and f"no names: {shell.names.problem}",
        shell.history.problem and f"no history: {shell.history.problem}",
    ]
    text = " · ".join(part for part in parts if part)
    if len(text) > columns:
        text = " · ".join(part for part in parts if part and part != shell.profile.url)
    return text[:columns]
