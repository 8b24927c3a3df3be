"""Tables as CSV that a spreadsheet shows without computing them."""

import re
from typing import Any

import pandas as pd

from srcnn.words import printable

# The characters that spreadsheets take for the beginning of a formula, also in wide form, unless the text is a number.
# Source: OWASP, "CSV Injection".
_FORMULA = re.compile(r"[=+\-@\t\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


def as_csv(table: pd.DataFrame) -> str:
    """Return the table as CSV, its heads first, with an apostrophe before text that would be a formula."""
    shown = table.copy(deep=False)
    for place, kind in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            shown.isetitem(place, [_cell(value) for value in table.iloc[:, place].astype(object)])
    return str(shown.to_csv(index=False, header=[_cell(str(name)) for name in shown.columns], lineterminator="\n"))


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = printable(value, breaks=True)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
