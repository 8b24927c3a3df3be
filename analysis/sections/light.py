"""The light table: pictures of all methods beside each other, with the scores of their patches."""

from analysis.evidence import Evidence
from analysis.light.table import light_table
from analysis.page import LightTable, PageSection


def section(evidence: Evidence) -> PageSection | None:
    """Return the light table; None where no picture is known."""
    made = light_table([evidence], evidence.study.paths.report_page)
    return None if made is None else PageSection("light", "Light table", [LightTable(made)])
