"""What the documents say is done as they say it, on tiny pictures."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, write_pictures
from document_blocks import blocks, summary


def pytest_report_header() -> str:
    """How many blocks are run, and why some are not."""
    return summary()


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs in photos/train and photos/test, where the commands of a page are typed."""
    folder = tmp_path_factory.mktemp("study")
    write_pictures(folder / "photos" / "train", [1, 2, 3, 4], height=176, width=192)
    write_pictures(folder / "photos" / "test", [5, 6, 7], height=176, width=192)
    return folder


def typed(line: str, folder: Path) -> str:
    """What a line prints that is typed in a folder. Raises AssertionError with it if it fails."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        ["bash", "-ec", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def follow(page: Path, folder: Path, executor: str = "local") -> str:
    """Do what a page says, from its first block to its last, and return what was printed.

    Blocks that are files are written, commands are typed. RUN_ID is the study's first run. Studies run on an executor:
    debug starts one Python, where local starts one for each task.
    """
    printed = ""
    for block in blocks(page):
        if block.reason:
            continue
        if block.title:
            (folder / block.title).write_text(block.text)
        elif block.language == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                if "RUN_ID" in line:
                    (study,) = (folder / "results").glob("[!d]*")
                    line = line.replace("RUN_ID", shlex.quote(min(run.name for run in (study / "runs").iterdir())))
                printed += typed(line.replace("--executor local", f"--executor {executor}"), folder)
        elif block.language == "python":
            exec(compile(block.text, str(block), "exec"), {"__name__": "page"})
    return printed
