"""Scores of two folders are safe as they come, and what is wrong with one picture costs its rows alone."""

import os
import signal
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import REPOSITORY, photograph, write_pictures
from PIL import Image

from jobs.compare_folders import main as evaluate
from jobs.score_shards import fill_shard, scored_by
from jobs.scoring import Scores
from srcnn.experiment import EvaluateConfig
from srcnn.schema import KEY_COLUMNS
from srcnn.shards import partial_shard

# Notes every call, and does with dark pictures what the test asks for: the lines are for one darker than the other.
OWN = """
import os
from pathlib import Path

HERE = Path(__file__).parent

class Strange(BaseException):
    def __init__(self, one, two):  # cannot be made again from its text in another process
        super().__init__("strange")

def own(reference, estimate, data_range):
    with (HERE / "calls").open("a") as calls:
        calls.write("x")
    todo = (HERE / "todo").read_text().splitlines()
    level = int(reference.mean()) // 20
    if level < len(todo):
        exec(todo[level], {"os": os, "Strange": Strange})
    return 1.0
"""


def write_dark(folders, seed: int, level: int = 0) -> None:
    """A dark picture in both folders."""
    for folder in ("originals", "mine"):
        Image.fromarray(photograph(seed) // 16 + 20 * level).save(folders / folder / f"photo{seed}.png")


@pytest.fixture(params=["cpu", "torch"])
def folders(request, tmp_path, monkeypatch):
    """Three originals of which the second is dark, copies of them, and a metric of one's own."""
    for folder in ("originals", "mine"):
        write_pictures(tmp_path / folder, [1, 2, 3])
    write_dark(tmp_path, 2)
    (tmp_path / "own_of_mine.py").write_text(OWN)
    (tmp_path / "backend").write_text(request.param)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("own_of_mine", None)


before_any_backend = pytest.mark.parametrize("folders", ["cpu"], indirect=True)  # these are decided before it is asked


def options(folders, *more: str) -> list[str]:
    """Scoring by the own metric, each call of which is made in another process, and by the backend under test."""
    places = ["--reference", str(folders / "originals"), "--estimate", str(folders / "mine")]
    places += ["--backend", (folders / "backend").read_text()]
    return [*places, "--out", str(folders / "out"), "--workers", "1", "--metrics", "psnr", "own_of_mine:own", *more]


def quick_options(folders, *more: str) -> list[str]:
    """Scoring in this process."""
    return [option for option in options(folders, *more) if option != "own_of_mine:own"]


def images(folders) -> list[str]:
    return pq.read_table(folders / "out" / "scores.parquet")["image"].to_pylist()


def test_a_killed_command_goes_on_with_the_pictures_that_were_not_scored(folders):
    (folders / "todo").write_text(f"os.kill(os.getppid(), {int(signal.SIGKILL)})")
    command = [sys.executable, "-m", "jobs.evaluate", *options(folders)]
    environment = {**os.environ, "PYTHONPATH": f"{folders}{os.pathsep}{REPOSITORY}"}
    killed = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    (kept,) = (folders / "out").glob("scores.*.unfinished.jsonl")
    kept.write_bytes(kept.read_bytes() + b'{"name": "photo3", "sta')  # as if killed in the middle of a line
    (folders / "todo").write_text("")
    (folders / "calls").write_text("")
    assert evaluate(options(folders)) == 0
    assert images(folders) == ["photo1", "photo2", "photo3"]
    assert len((folders / "calls").read_text()) == 2
    assert not kept.exists()


RAISED = {
    "raise ValueError('too dark')": "ValueError: too dark",
    "raise SystemExit(0)": "SystemExit: 0",
    "raise Strange(1, 2)": "own_of_mine.Strange: strange",
    "1 / 0": "ZeroDivisionError: division by zero",
}


def test_a_metric_that_raises_costs_the_rows_of_its_picture_and_the_same_command_scores_it_and_what_changed_since(
    folders, capsys
):
    dark = range(5, 5 + len(RAISED))
    for level, seed in enumerate(dark):
        write_dark(folders, seed, level)
    write_dark(folders, 2, len(RAISED))  # of which nothing is wrong
    (folders / "todo").write_text("\n".join(RAISED))
    assert evaluate(options(folders)) == 1
    err = capsys.readouterr().err
    for seed, said in zip(dark, RAISED.values(), strict=True):
        where = f"({folders / 'own_of_mine.py'}, line 17)"
        assert f"mine/photo{seed}.png: metric own_of_mine:own raised {said} {where}" in err
    assert images(folders) == ["photo1", "photo2", "photo3"]
    (folders / "todo").write_text("raise ValueError")  # of the darkest alone
    (folders / "calls").write_text("")
    Image.fromarray(photograph(1)).save(folders / "mine" / "photo1.png", compress_level=1)
    assert evaluate(options(folders)) == 1
    assert images(folders) == ["photo1", "photo2", "photo3", *(f"photo{seed}" for seed in dark[1:])]
    assert len((folders / "calls").read_text()) == len(dark) + 1


@before_any_backend
def test_a_metric_whose_code_cannot_be_read_is_refused_in_a_sentence(folders, capsys):
    assert evaluate([*options(folders), "--metrics", "builtins:max"]) == 2
    assert (
        "error: module 'builtins' is a part of Python itself, and has no file; name a module of your own"
        in capsys.readouterr().err
    )


def test_a_name_that_is_no_utf8_costs_its_own_rows(folders, capfd):
    for folder in ("originals", "mine"):
        os.rename(folders / folder / "photo2.png", os.fsencode(folders / folder) + b"/caf\xe9.png")
    assert evaluate(quick_options(folders)) == 1
    assert capfd.readouterr().err.count("its name is no UTF-8; rename it") == 2
    assert images(folders) == ["photo1", "photo3"]


def test_a_pipe_among_the_pictures_is_named_and_never_waited_for(folders, capsys):
    (folders / "mine" / "photo2.png").unlink()
    os.mkfifo(folders / "mine" / "photo2.png")
    assert evaluate(quick_options(folders)) == 1
    said = capsys.readouterr().err
    assert "photo2.png: is a pipe, a socket or a device" in said
    assert "note:" not in said  # there is no code of one's own
    assert images(folders) == ["photo1", "photo3"]


def test_a_command_whose_processes_die_says_what_is_kept(folders, capfd, monkeypatch):
    monkeypatch.setattr("jobs.parallel.KILLS", 0)  # that they are begun again is told elsewhere
    (folders / "todo").write_text(f"os.kill(os.getpid(), {int(signal.SIGKILL)})")
    assert evaluate(options(folders)) == 1
    err = capfd.readouterr().err
    assert "what was scored is kept in" in err
    assert "Traceback" not in err


def test_an_interrupted_second_try_loses_no_score_of_the_first(tmp_path):
    settings, shard = EvaluateConfig(metrics=("psnr",)), tmp_path / "e0-0001-000of001.parquet"
    rows = {
        image: Scores([dict.fromkeys(KEY_COLUMNS) | {"set": "s", "image": image, "psnr": float(len(image))}])
        for image in ("a", "bb")
    }
    first = [*rows.items(), ("ccc", "is broken")]
    assert fill_shard(shard, first, {}, settings, "cpu", lambda done, rows: None) == ["ccc: is broken"]

    def interrupted():
        yield "a", rows["a"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill_shard(shard, interrupted(), {}, settings, "torch", lambda done, rows: None)
    assert scored_by(shard) == {"cpu", "torch"}
    kept = pq.read_table(partial_shard(shard)).to_pylist()
    assert [(row["image"], row["psnr"]) for row in kept] == [("a", 1.0), ("bb", 2.0)]


@before_any_backend
@pytest.mark.parametrize("out", ["file", "file/below"])
def test_an_out_that_cannot_be_written_is_refused_before_anything_is_scored(folders, capsys, out):
    (folders / "todo").write_text("")
    (folders / "file").write_text("")
    assert evaluate([*options(folders), "--out", str(folders / out)]) == 2
    assert "file" in capsys.readouterr().err
    assert not (folders / "calls").exists()


@before_any_backend
@pytest.mark.parametrize("content", [b"somebody's", None])
def test_a_table_from_elsewhere_is_replaced_only_if_told_to(folders, capsys, content):
    (folders / "todo").write_text("")
    target = folders / "out" / "scores.parquet"
    target.parent.mkdir()
    if content:
        target.write_bytes(content)
    else:
        target.symlink_to(folders / "nowhere")
    assert evaluate(options(folders)) == 2
    assert "scores.parquet is there already, and not written by this command" in capsys.readouterr().err
    assert not (folders / "calls").exists()
    for more in (["--overwrite"], []):  # then it is this command's own
        assert evaluate(quick_options(folders, *more)) == 0


# --- pairs ------------------------------------------------------------------------------------
def compared(tmp_path, reference: list[str], estimate: list[str]) -> int:
    for folder, names in (("r", reference), ("e", estimate)):
        for seed, name in enumerate(names):
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.roll(photograph(seed), 1, axis=0)).save(tmp_path / folder / name)
    folders = ["--reference", str(tmp_path / "r"), "--estimate", str(tmp_path / "e"), "--out", str(tmp_path / "out")]
    return evaluate([*folders, "--metrics", "psnr", "--workers", "1"])


def test_pictures_of_one_name_in_two_subfolders_are_compared_apart(tmp_path):
    assert compared(tmp_path, ["set14/x.png", "set5/x.png"], ["set14/x.bmp", "set5/x.png"]) == 0
    table = pq.read_table(tmp_path / "out" / "scores.parquet").to_pydict()
    assert dict(zip(table["image"], table["psnr"], strict=True)) == {"set14/x": np.inf, "set5/x": np.inf}


def test_two_files_of_one_name_in_a_folder_are_refused_with_both(tmp_path, capsys):
    assert compared(tmp_path, ["a.png", "b.png"], ["a.png", "a.bmp"]) == 2
    err = capsys.readouterr().err
    assert "two pictures of one name" in err
    assert str(tmp_path / "e" / "a.bmp") in err
    assert str(tmp_path / "e" / "a.png") in err


def test_letters_composed_in_other_ways_are_the_same_name(tmp_path):
    assert compared(tmp_path, ["caf\u00e9.png"], ["cafe\u0301.png"]) == 0
    assert images(tmp_path) == ["caf\u00e9"]


def test_names_that_differ_only_in_case_are_told_when_they_find_no_partner(tmp_path, capsys):
    assert compared(tmp_path, ["a.png", "Photo.png"], ["a.png", "photo.png"]) == 1
    err = capsys.readouterr().err
    assert "r/Photo.png: no picture of this name in" in err
    assert "(photo.png differs in upper and lower case)" in err
