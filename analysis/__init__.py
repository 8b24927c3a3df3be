"""The results of studies, read: ``analysis.load(STUDY_DIR)`` gives the score table as a DataFrame."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study import StudyResults

__all__ = ["load"]


def load(source: "Path | str | StudyResults", columns: Iterable[str] | None = None, **where: Any) -> "pd.DataFrame":
    """Return the scores of a study or of one Parquet file: see ``analysis.scores.load``."""
    from analysis import scores  # pandas, which no command needs to answer --help

    return scores.load(source, columns, **where)
