"""A terminal whose styles are ours alone: text from outside neither styles nor steers it."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from srcnn.words import printable


class Terminal(Console):
    """A console that prints letter by letter what it is given: ``[/red]``, ``:smile:`` and escape codes are text."""

    def __init__(self, **settings: Any) -> None:
        # Styles of this console may steer the terminal, which nothing else that is printed can.
        out = sys.stderr if settings.get("stderr") else sys.stdout
        settings = {"markup": False, "highlight": False, "emoji": False, **settings}
        super().__init__(**settings, file=getattr(out, "styled", None))

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Give the pieces of what is printed, made printable."""
        for segment in super().render(renderable, options):
            shown = segment.text if segment.control else printable(segment.text, breaks=True)
            yield Segment(shown, segment.style, segment.control)
