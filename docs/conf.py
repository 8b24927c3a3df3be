"""How Sphinx makes pages of these documents: ``make docs``."""

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

project = "srcnn-runner"
extensions = ["myst_parser", "notebooks"]
myst_heading_anchors = 3  # links to headings, as GitHub writes them
html_theme = "furo"
html_title = "srcnn-runner"
html_static_path = ["style"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False


def navigation(app: Sphinx, page: str, source: list[str]) -> None:
    """Add what stands at the side of each page to the first one: its own headings and the pages that it links to."""
    if page == "index":
        _, *parts = re.split(r"^## (.+)\n", source[0], flags=re.MULTILINE)
        for heading, text in zip(parts[::2], parts[1::2], strict=True):
            pages = "\n".join(dict.fromkeys(re.findall(r"\]\(([\w/-]+)\.\w+\)", text)))
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{pages}\n```\n"


def setup(app: Sphinx) -> None:
    """Tell Sphinx of it."""
    app.connect("source-read", navigation)
