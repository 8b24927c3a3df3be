"""Two studies or runs compared as one page: their light table, the settings that differ, the differences of scores."""

from collections.abc import Sequence
from pathlib import Path

from analysis.build import page_of
from analysis.comparison import Side
from analysis.evidence import Evidence
from analysis.light.table import light_table
from analysis.page import LightTable, PageSection
from srcnn.files import write_text


def write_comparison(a: Side, b: Side, texts: Sequence[str], page: Path, most_mb: float) -> None:
    """Write the page; it holds pictures up to ``most_mb``. Raises ValueError if the two have no picture in common."""
    if a.study.folder.resolve() == b.study.folder.resolve():
        data = light_table([Evidence(a.study, most_mb)], page, [a.name], [_ids(a) | _ids(b)], write=False)
    else:
        names = [a.study.name, b.study.name] if a.study.name != b.study.name else ["A", "B"]
        studies = [Evidence(side.study, most_mb) for side in (a, b)]
        data = light_table(studies, page, names, [_ids(a), _ids(b)], write=False)
    if data is None:
        raise ValueError(
            f"{a.study.folder} and {b.study.folder} have no picture of one set, name and content in common"
        )
    section = PageSection("light", "Light table", [LightTable(data)])
    write_text(page, page_of("compare.html", [section], title=f"A: {a.name}, B: {b.name}", texts=texts))


def _ids(side: Side) -> set[str]:
    return {run.run_id for run in side.runs}
