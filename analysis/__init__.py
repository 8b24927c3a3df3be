"""Reading results: ``analysis.load(STUDY_DIR)`` gives the score table as a DataFrame."""

from analysis.load import load

__all__ = ["load"]
