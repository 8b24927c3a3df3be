"""The report of a study: its sections as one page, its tables and figures beside it."""

import base64
import hashlib
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from analysis.charts import legend_of
from analysis.evidence import PICTURES_MB, Evidence
from analysis.page import PageSection, legend_keys, write_files
from analysis.progress import progress_sentence
from analysis.records import failures
from analysis.sections import SCORELESS, SECTIONS
from analysis.sections.making import commands
from analysis.study import Restore, open_study
from analysis.style import Line, run_styles
from srcnn.changed import tell_pages
from srcnn.files import write_text
from srcnn.inputs import newest_input
from srcnn.metrics import forget_metrics
from srcnn.words import printable

STYLES = ("style.css", "light.css")
# One purpose each, in an order in which whatever is used is there; together they are the page's one script.
SCRIPTS = (
    "tables.js",
    "charts.js",
    *(f"light_{part}.js" for part in ("view", "draw", "wipe", "scores", "enlarge", "pictures", "address")),
    *(f"light_{part}.js" for part in ("pointer", "keys", "stage", "numbers", "controls", "table")),
    "wipes.js",
    "older.js",
)


def write_report(study_dir: Path | str, restore: Restore | None = None, pictures_mb: float = PICTURES_MB) -> Path:
    """Write report/index.html and the files beside it; return the page's path.

    ``restore`` makes the restored pictures that it shows and finds in no file; its light table holds pictures up to
    ``pictures_mb``.
    Raises FileNotFoundError if the folder holds no study.
    """
    # The columns of a page are short: a call of Arrow's takes longer than what it does to them.
    with pd.option_context("mode.string_storage", "python"):
        return _write_report(study_dir, restore, pictures_mb)


def _write_report(study_dir: Path | str, restore: Restore | None, pictures_mb: float) -> Path:
    forget_metrics()
    study = open_study(study_dir, restore)
    study.paths.report.mkdir(exist_ok=True)
    with tempfile.TemporaryFile(dir=study.paths.report):  # where this may not be, nothing need be read or drawn
        pass
    made_at = newest_input(study.paths)
    evidence = Evidence(study, pictures_mb)
    scored = bool(len(evidence.pictures))
    made = [build(evidence) for name, build in SECTIONS.items() if scored or name in SCORELESS]
    sections = [section for section in made if section]
    page = render(evidence, sections, made_at)
    write_files(sections, study.paths.report)
    write_text(study.paths.report_page, page)
    tell_pages(study.paths, newest_input(study.paths))  # there may be more by now
    return study.paths.report_page


def render(evidence: Evidence, sections: Sequence[PageSection], made_at: int) -> str:
    """Return the page as HTML, with everything it needs inside; ``made_at`` is when its newest input was written."""
    study = evidence.study
    frame, missing = evidence.pictures, len(study.missing())
    failed = failures(study)
    legend = page_legend(evidence, sections)
    return page_of(
        "report.html",
        sections,
        study=study.name,
        count=len(study.runs),
        keys=legend_keys(legend),
        runs=list(legend),
        sets=len(study.sets),
        comparisons=int(frame["patches"].sum()),
        pictures=len(frame[["set", "image"]].drop_duplicates()),
        missing=missing,
        shards=len(study.shard_paths()),
        unscored=[run.label for run in study.runs if run.run_id not in evidence.last_epoch] if len(frame) else [],
        notes=list(study.contents.get("notes", [])),
        failed=int(failed["tasks"].sum()) if len(failed) else 0,
        command=commands(study)[0],
        made_at=made_at,
        anew=f"python -m analysis.report {shlex.quote(str(study.folder))}",
        progress=progress_sentence(evidence.progress) if len(evidence.progress) else "",
    )


def page_legend(evidence: Evidence, sections: Sequence[PageSection]) -> dict[str, Line]:
    """Return the line of each variant and baseline that figures show, which one legend switches in all of them."""
    styles = run_styles(evidence.study.variants, evidence.study.baseline_names.values())
    figures = [block for section in sections for block in section.all_blocks() if block.kind == "figure"]
    there = {name for figure in figures for name in legend_of(figure.panels)}
    return {name: line for name, line in styles.items() if name in there}


def page_of(template: str, sections: Sequence[PageSection], **shown: Any) -> str:
    """Return a page of sections as HTML: a template with what it shows, our style and our scripts inside."""
    environment = Environment(
        loader=PackageLoader("analysis"), autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    environment.filters["in_script"] = _in_script
    style = Markup("".join(_file(environment, name) for name in STYLES) + _widths(sections))
    script = Markup("".join(_file(environment, name) for name in SCRIPTS))
    made = environment.get_template(template)
    return made.render(sections=sections, style=style, script=script, policy=policy(style, script), **shown)


def policy(style: str, script: str) -> str:
    """Return the page's security policy, of this style, this script, and pictures inside it and beside it."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}' 'strict-dynamic'; "
        "img-src data: 'self' file:; base-uri 'none'; form-action 'none'"
    )


def _shown(value: Any) -> Any:
    """Return a value as the template may show it: text without control characters, which browsers obey too."""
    return printable(value, breaks=True) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _in_script(json: str) -> Markup:
    """Return JSON as it may stand in a script's element: nothing in it ends that."""
    return Markup(json.replace("<", "\\u003c"))


def _file(environment: Environment, name: str) -> str:
    """Return the text of one of our own files, which is not a template."""
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _widths(sections: Sequence[PageSection]) -> str:
    """Return style rules for the widths of the page's pictures: a policy of hashes allows no style attributes."""
    shots = (shot for section in sections for block in section.all_blocks() for shot in getattr(block, "shots", ()))
    return "".join(f".w{width} {{ width: {width}px; }}\n" for width in sorted({shot.shown_width for shot in shots}))
