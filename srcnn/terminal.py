"""A terminal whose styles are ours alone: words from outside neither style nor steer it."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from srcnn.words import printable


class Terminal(Console):
    """Prints what it is given letter by letter; ``[/red]``, ``:smile:`` and escape sequences in it are words."""

    def __init__(self, **settings: Any) -> None:
        # What else is printed cannot steer the terminal; the styles of this one may.
        out = sys.stderr if settings.get("stderr") else sys.stdout
        settings = {"markup": False, "highlight": False, "emoji": False, **settings}
        super().__init__(**settings, file=getattr(out, "styled", None))

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The pieces of what is printed, as they may be shown."""
        for segment in super().render(renderable, options):
            shown = segment.text if segment.control else printable(segment.text, breaks=True)
            yield Segment(shown, segment.style, segment.control)
