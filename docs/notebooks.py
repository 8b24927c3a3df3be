"""Notebooks as pages: run in a kernel when the pages are built, on a short study, and shown with their outputs.

In the repository they have none: figures change with every library, and hide what else changed.
"""

import base64
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
from docutils.nodes import document
from myst_parser.parsers.sphinx_ import MystParser
from nbclient import NotebookClient
from sphinx.application import Sphinx

REPOSITORY = Path(__file__).resolve().parents[1]
WORK = REPOSITORY / "build" / "documents"  # where notebooks run: results/quickstart is there
FIGURES = 3  # of a notebook
# Of the packaged study: a sixteenth of the patches, and fewer epochs.
SHORT = (
    *("training.epochs=4", "render.epochs=[1,2,4]", "data.stride=56", "evaluate.protocols=[region,compound,luma]"),
    *("evaluate.upsamplers=[nearest,bicubic,lanczos]", "evaluate.metrics=[psnr,ssim,fsim]"),
)


def short_study() -> Path:
    """Return the folder whose ``results/quickstart`` is a short study; what of it is there is not made again.

    Raises RuntimeError with what the study said if it failed.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "runner.submit", "quickstart", *SHORT, "--executor", "debug"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, cwd=WORK, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the study for the documents failed:\n{done.stdout}{done.stderr}")
    return WORK


class NotebookParser(MystParser):
    """Reads a notebook as a page: its text, its code, and what that gave when it ran."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: document) -> None:
        """Run the notebook, and read what it shows. Raises what a cell raises."""
        notebook = nbformat.reads(inputstring, as_version=4)
        os.environ["PYTHONPATH"] = str(REPOSITORY)  # the kernel's
        NotebookClient(notebook, resources={"metadata": {"path": str(short_study())}}, timeout=300).execute()
        place = Path(document["source"])
        text, figures = as_page(notebook, os.path.relpath(WORK, place.parent), place.stem)
        if len(figures) != FIGURES:
            raise RuntimeError(f"{place}: expected {FIGURES} figures, found {len(figures)}")
        for file, content in figures.items():
            (WORK / file).write_bytes(content)
        super().parse(text, document)


def as_page(notebook: Any, folder: str, stem: str) -> tuple[str, dict[str, bytes]]:
    """Return a notebook that has run as Markdown, and its figures by file name, which the text finds in ``folder``."""
    parts: list[str] = []
    figures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            if output.output_type == "stream":
                raise RuntimeError(f"{stem}: a cell prints what no page should show: {output.text}")
            if "image/png" in output.data:
                file = f"{stem}-{len(figures) + 1}.png"
                figures[file] = base64.b64decode(output.data["image/png"])
                parts.append(f"![Figure {len(figures)}]({folder}/{file})")
            elif "text/html" in output.data:
                table = re.sub(r"<style.*?</style>", "", output.data["text/html"], flags=re.DOTALL)
                parts.append(f'<div class="table-wrapper">{"".join(table.splitlines())}</div>')
            else:
                parts.append(f"```text\n{output.data['text/plain']}\n```")
    return "\n\n".join(parts), figures


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of notebooks."""
    app.add_source_suffix(".ipynb", "notebook")
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True}
