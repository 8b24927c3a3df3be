"""The file of figures that a benchmark leaves: it replaces its own earlier one, others only with --overwrite."""

import argparse
import json
from pathlib import Path
from typing import Any

from srcnn.output import refuse_to_replace

MARK = "benchmark"  # the key by which a file is known as a benchmark's


def add_json(p: argparse.ArgumentParser, default: str) -> None:
    """Add the options that say where the figures go."""
    p.add_argument("--json", type=Path, default=Path(default), help=f"file for the figures (default: {default})")
    p.add_argument("--overwrite", action="store_true", help="replace a file that no benchmark wrote")


def require_free(arguments: argparse.Namespace) -> None:
    """Exit with the reason if the figures must not be written; call this before they are measured."""
    refusal = refuse_to_replace(arguments.json, arguments.overwrite, is_own=_is_own, option="--json")
    if refusal:
        raise SystemExit(f"error: {refusal}")


def write_figures(arguments: argparse.Namespace, name: str, figures: dict[str, Any]) -> None:
    """Write the figures of one benchmark."""
    arguments.json.write_text(json.dumps({MARK: name, **figures}, indent=1) + "\n")


def _is_own(file: Path) -> bool:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and MARK in found
