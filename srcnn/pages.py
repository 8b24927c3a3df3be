"""Where the documents are that help and errors point to: here alone.

An error that a page helps with states its name, ``page``; the table below has the page of each command.
"""

from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
CLUSTER = "how-to/slurm.md"
# Of the module that holds the command.
OF_COMMANDS = {
    "runner.console": "index.md",
    "runner.submit": "how-to/run.md",
    "runner.status": "how-to/jobs.md",
    "runner.logs": "how-to/jobs.md",
    "runner.cancel": CLUSTER,
    "runner.clean": "how-to/clean.md",
    "runner.doctor": "how-to/install.md",
    "jobs.compare_folders": "how-to/folders.md",
    "jobs.evaluate": "how-to/folders.md",
    "jobs.restore": "how-to/folders.md",
    "jobs.fetch": "how-to/pictures.md",
    "srcnn.metrics.__main__": "reference/metrics.md",
    "srcnn.models.published": "how-to/network.md",
    "analysis.report": "how-to/report.md",
    "analysis.table": "how-to/parquet.md",
    "analysis.plot": "how-to/parquet.md",
    "analysis.compare": "how-to/parquet.md",
    "analysis.compact": "how-to/parquet.md",
}


def page(name: str) -> str:
    """Return where a page of the documents lies: its file, or its name where only the code was installed or copied."""
    file = DOCS / name
    return str(file) if file.is_file() else f"docs/{name} in the project's folder"
