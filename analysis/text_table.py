"""A table of means as text, CSV or Markdown."""

import pandas as pd

from analysis.spreadsheet import as_csv
from analysis.style import metric_head, number
from srcnn.words import printable


def format_table(table: pd.DataFrame, metrics: list[str], how: str) -> str:
    """Return the table as text for people (metrics rounded), CSV (all digits) or Markdown."""
    if how == "csv":
        return as_csv(table).rstrip("\n")
    shown = table.copy()
    for name in metrics:
        for column in (name, f"sd_{name}"):
            if column in shown:
                shown[column] = [number(value, name) for value in table[column]]
    shown = shown.rename(columns={name: metric_head(name) for name in metrics})
    numeric = [*(metric_head(name) for name in metrics), *(f"sd_{name}" for name in metrics), "pictures", "comparisons"]
    filled = shown.astype(object).where(shown.notna(), "–")
    rows = [[printable(value) for value in row] for row in filled.to_numpy()]
    heads = [printable(name) for name in shown.columns]
    right = [head in numeric or head in ("epoch", "zoom", "infinite", "null") for head in heads]
    if how == "markdown":
        heads, *rows = [[cell.replace("|", "\\|") for cell in line] for line in (heads, *rows)]
        lines = [heads, ["---:" if is_number else "---" for is_number in right], *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)
    widths = [max(len(line[i]) for line in [heads, *rows]) for i in range(len(heads))]
    return "\n".join(
        "  ".join(
            f"{cell:>{w}}" if is_number else f"{cell:<{w}}"
            for cell, w, is_number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [heads, *rows]
    )
