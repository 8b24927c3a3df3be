"""What the documents say of commands, settings, columns and one another is so.

What takes longer, such as doing what the tutorial says, is in tests/documents.
"""

import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY
from document_blocks import (
    CHECKED,
    DOCS,
    PAGES,
    SHOWN,
    all_blocks,
    as_module,
    blocks,
    command_lines,
    inline_commands,
)

from analysis.sections import SECTIONS as SECTIONS_OF_REPORT
from docs.tables import SECTIONS, written
from jobs.pictures import MissingPictures
from runner.console import COMMANDS
from runner.executors.job_state import SchedulerError
from runner.executors.table import UnknownExecutor
from runner.record.lock import StudyBusyError
from runner.study.cluster import ClusterConfig
from runner.study.config import ConfigError, StudyConfig, load_study, packaged_studies, runs_of
from runner.study.model import PAGES as PAGES_OF_KEYS
from runner.submit import main as submit
from srcnn import pages
from srcnn.files import PictureError
from srcnn.history import Epoch
from srcnn.losses import LOSSES
from srcnn.models import MODELS
from srcnn.schema import Attempt

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
MODELS_OF_SETTINGS = [
    *SECTIONS.values(),
    StudyConfig,
    ClusterConfig,
    *(entry.settings for entry in (*MODELS.values(), *LOSSES.values())),
]
UNITS = (
    *("pixels", "seconds", "minutes", "GB", "share", "times", "how many", "how often", "factor", "grey levels"),
    *("patches", "steps", "step size", "epochs", "blocks", "pictures", "processes", "cores", "layers", "bands"),
    *("number that", "with that seed", "[0, 1]", "of the JPEG table"),
)


@every_page
def test_code_stands_in_blocks_that_are_checked(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"\n\n(    \S.*)", text) == []


def test_every_block_says_what_it_is_and_why_it_is_not_run():
    for block in all_blocks():
        known = block.language in (*CHECKED, SHOWN) or block.reason
        assert known, f"{block}: {block.language!r} is none of {CHECKED}, and no mark says why it is not run"


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """A folder with the study files of the pages, each in a folder named after its page."""
    folder = tmp_path_factory.mktemp("studies")
    for block in all_blocks():
        if block.language == "yaml" and block.title:
            file = folder / block.page.stem / block.title
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text)
    return folder


def test_every_block_of_yaml_is_a_study(tmp_path):
    for block in all_blocks():
        if block.language == "yaml" and not block.reason:
            (tmp_path / "study.yaml").write_text(block.text)
            study, _ = load_study(str(tmp_path / "study.yaml"))
            assert list(runs_of(study)), block


def _parse(words: list[str], page: Path, studies: Path) -> None:
    """Parse a command line; of one that takes a study, check the settings, too. Raises what is wrong with it."""
    if words[0] == "make":
        targets = re.findall(r"^([\w-]+(?: [\w-]+)*):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in " ".join(targets).split()
        return
    if words == ["srcnn", "--help"] or (len(words) == 1 and (REPOSITORY / words[0]).is_file()):
        return
    found = as_module(words)
    assert found, "is no command of ours; mark the block with the reason why it is not run"
    name, arguments = found
    module = importlib.import_module(name)
    if not hasattr(module, "parser") or not arguments:  # a script of benchmarks or docs, or a command alone in a text
        return
    parsed = module.parser().parse_intermixed_args(arguments)
    if name == "runner.submit":
        overrides = parsed.overrides
        if "=" in parsed.study:
            overrides, parsed.study = [parsed.study, *overrides], "quickstart"
        if parsed.study.endswith(".yaml"):
            load_study(str(studies / page.stem / parsed.study), overrides)
        else:
            assert parsed.study in packaged_studies() or parsed.study.startswith("results/")
            load_study("quickstart" if parsed.study.startswith("results/") else parsed.study, overrides)


@every_page
def test_every_command_line_is_one_that_its_parser_takes(page, studies, capsys):
    lines = [(block, words) for block in blocks(page) if block.language == "sh" for words in command_lines(block)]
    lines += [(None, words) for words in inline_commands(page)]
    for block, words in lines:
        if block and block.reason and not as_module(words):
            continue
        try:
            _parse(words, page, studies)
        except (SystemExit, Exception) as error:
            raise AssertionError(f"{block or page}: {' '.join(words)}: {error} {capsys.readouterr().err}") from error


def test_every_block_of_python_compiles():
    for block in all_blocks():
        if block.language == "python":
            compile(block.text, str(block), "exec")


@pytest.mark.parametrize("notebook", sorted(DOCS.rglob("*.ipynb")), ids=lambda notebook: notebook.name)
def test_a_notebook_is_kept_without_outputs_and_compiles(notebook):
    for cell in json.loads(notebook.read_text())["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None), "make docs runs it; keep no outputs"
            compile("".join(cell["source"]), notebook.name, "exec")


def _anchor(heading: str) -> str:
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", words).strip().lower())


@every_page
def test_every_link_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        assert file.is_relative_to(DOCS) or not page.is_relative_to(DOCS), f"{page.name}: {target} is on no page"
        if anchor:
            anchors = {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)}
            assert anchor in anchors, f"{page.name}: {target}"


@every_page
def test_the_tables_of_a_page_are_those_of_the_program(page):
    assert written(page.read_text()) == page.read_text(), "python -m docs.tables writes them anew"


def test_the_readme_is_short_and_begins_with_two_commands():
    text = (REPOSITORY / "README.md").read_text()
    assert len(text.splitlines()) <= 120
    first, second = command_lines(blocks(REPOSITORY / "README.md")[0])
    assert (first, second) == (["make", "study"], ["make", "test"])


def test_every_page_is_found_from_the_first():
    first = (DOCS / "index.md").read_text()
    for page in DOCS.rglob("*.md"):
        assert page.name == "index.md" or f"({page.relative_to(DOCS)}" in first, page


@pytest.mark.parametrize("section", MODELS_OF_SETTINGS, ids=lambda section: section.__name__)
def test_every_setting_is_described_and_numbers_with_their_unit(section):
    for name, field in section.model_fields.items():
        wanted = str(field.annotation)
        if not field.description and re.search(r"runner\.study|srcnn\.experiment", wanted):
            continue  # a section, which has a table of its own
        assert field.description, f"{section.__name__}.{name}"
        if re.search(r"\b(int|float)\b", wanted):
            assert any(unit in field.description for unit in UNITS), f"{section.__name__}.{name}: {field.description}"


def test_help_and_errors_lead_to_pages_that_are_there():
    errors = (
        ConfigError("x"),
        MissingPictures(),
        PictureError(),
        SchedulerError(),
        UnknownExecutor(),
        StudyBusyError(),
    )
    names = [*pages.OF_COMMANDS.values(), *PAGES_OF_KEYS.values(), *(error.page for error in errors)]
    assert [name for name in names if not (DOCS / name).is_file()] == []
    assert {*pages.OF_COMMANDS} >= {listed.module for listed in COMMANDS.values()}


def test_help_ends_with_the_page_that_tells_more():
    command = [sys.executable, "-m", "runner.clean", "--help"]
    told = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == f"More: {DOCS / 'how-to' / 'clean.md'}"


def test_an_error_ends_with_the_page_that_helps(capsys):
    assert submit(["quickstart", "training.epochz=3"]) == 2
    assert submit(["quickstart", "model.name=nowhere:Network"]) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("more: ")]
    assert told == [f"more: {DOCS / name}" for name in ("reference/study.md", "how-to/network.md")]


# Of each command but submit, words that it cannot follow.
REFUSED = {
    **dict.fromkeys(("status", "logs", "cancel", "clean", "doctor", "report", "table", "compact"), ("nothing-here",)),
    "plot": ("nothing-here", "--out", "figure.png"),
    "compare": ("nothing-here", "nothing-there"),
    "evaluate": ("--reference", "nothing-here", "--estimate", "nothing-there", "--out", "scores"),
    "restore": ("nothing-here", "--model", "nothing-there", "--out", "restored"),
    "fetch": ("set5", "set14", "--url", "https://localhost/set5.zip"),
    "metrics": ("nothing-here.png", "nothing-there.png"),
}


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "submit"])
def test_a_refusal_ends_with_the_page_that_helps(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = COMMANDS[name].module
    assert importlib.import_module(module).main([*REFUSED[name]]) == 2
    error, told = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert told in [f"more: {DOCS / name}" for name in (pages.OF_COMMANDS[module], PictureError.page)]
    assert not list(tmp_path.iterdir())


def test_where_only_the_code_lies_a_page_is_named_by_its_place_in_the_project(monkeypatch, tmp_path):
    monkeypatch.setattr("srcnn.pages.DOCS", tmp_path)
    assert pages.page("reference/study.md") == "docs/reference/study.md in the project's folder"


def test_every_part_of_the_report_has_its_line():
    sources = "".join(file.read_text() for file in (REPOSITORY / "analysis" / "sections").glob("*.py"))
    titles = re.findall(r'PageSection\(\s*"\w+", "([^"]+)"', sources)
    text = (DOCS / "how-to" / "report.md").read_text()
    assert len(titles) == len(SECTIONS_OF_REPORT)
    assert [title for title in titles if f"| {title} |" not in text] == []


def test_every_packaged_study_is_described():
    text = (DOCS / "reference" / "study.md").read_text()
    assert [name for name in packaged_studies() if f"`{name}`" not in text] == []


def test_what_files_hold_is_described():
    text = (DOCS / "reference" / "files.md").read_text()
    names = [*Epoch.__annotations__, *inspect.signature(Attempt).parameters]
    assert [name for name in names if f"`{name}`" not in text] == []
