"""Small files are merged without a row missing at any moment, and a merged study still counts as done."""

import contextlib
import os
import shutil
from pathlib import Path

import pytest
from conftest import tiny_study
from score_tables import EVAL, row, write_rows, write_study

import analysis
from analysis import compact, compaction
from srcnn import shards
from srcnn.aside import Aside
from srcnn.metrics import Reference
from srcnn.paths import StudyPaths
from srcnn.shard_rows import made_from, read_shards
from srcnn.shards import has_shard, shards_in


class Killed(BaseException):
    """Stands for kill -9: nothing is cleaned up after it."""


@pytest.fixture
def study(tmp_path):
    epochs = {epoch: [row(f"p{i}", psnr=20.0 + epoch + i) for i in range(3)] for epoch in (1, 2, 3)}
    return write_study(tmp_path / "study", {"run": {"epochs": epochs}}, [row("p0", "bicubic", psnr=19.0)])


def psnr(study: Path) -> list[float]:
    return sorted(analysis.load(study)["psnr"])


def folder_of(study: Path) -> Path:
    return StudyPaths(study).scores("r0000000000")


def test_merging_keeps_every_row_and_leaves_one_file(study):
    before = psnr(study)
    done = compaction.compact_study(study)
    assert [(each.shards, each.rows, each.files_before) for each in done] == [(3, 9, 3)]
    assert len(list(folder_of(study).glob("*.parquet"))) == 1
    assert psnr(study) == before
    assert compaction.compact_study(study) == []


def test_merged_shards_are_found_by_name_and_read_with_their_own_rows(study):
    compaction.compact_study(study)
    second = StudyPaths(study).shard("r0000000000", EVAL, 2, 0)
    assert has_shard(second)
    assert not has_shard(StudyPaths(study).shard("r0000000000", EVAL, 4, 0))
    ((_, table),) = read_shards([second], ["epoch", "psnr"])
    assert table.to_pydict() == {"epoch": [2, 2, 2], "psnr": [22.0, 23.0, 24.0]}


def test_what_came_later_is_merged_with_what_was_merged(study):
    compaction.compact_study(study)
    write_rows(StudyPaths(study).shard("r0000000000", EVAL, 4, 0), [row("p0", psnr=99.0, epoch=4)])
    assert list(shards_in(folder_of(study))) == [f"{EVAL}-{epoch:04d}-000of001.parquet" for epoch in (1, 2, 3, 4)]
    assert compaction.compact_study(study)[0].rows == 10
    assert len(list(folder_of(study).iterdir())) == 2


def test_a_shard_made_again_replaces_its_merged_copy(study):
    compaction.compact_study(study)
    shard = StudyPaths(study).shard("r0000000000", EVAL, 3, 0)
    shards.take_shard(shard, Aside())
    assert not has_shard(shard)
    assert len(analysis.load(study, epoch=3, run="run", method="srcnn")) == 0
    write_rows(shard, [row("p0", psnr=77.0, epoch=3)])
    compaction.compact_study(study)
    assert analysis.load(study, epoch=3, run="run", method="srcnn")["psnr"].tolist() == [77.0]


def test_the_origin_of_merged_scores_is_kept(study):
    compaction.compact_study(study)
    place = shards.find_shard(StudyPaths(study).shard("r0000000000", EVAL, 1, 0))
    assert place is not None
    assert made_from(place) == '{"sets": {}, "metrics": {}}'


def steps_of(study: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int) -> int:
    """Merge, but die before the ``stop_at``-th change of a file; how many changes there were."""
    count = 0

    def counted(change):
        def wrapper(*arguments, **options):
            nonlocal count
            count += 1
            if count == stop_at:
                raise Killed
            return change(*arguments, **options)

        return wrapper

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", counted(os.replace))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        with contextlib.suppress(Killed):
            compaction.compact_folder(folder_of(study))
    return count


@pytest.mark.parametrize("merged_before", [False, True])
def test_killed_before_any_change_no_row_is_missing_and_none_is_double(study, tmp_path, monkeypatch, merged_before):
    if merged_before:
        compaction.compact_study(study)
        for epoch in (2, 4):  # one anew, one new
            rows = [row(f"p{i}", psnr=40.0 + epoch + i, epoch=epoch) for i in range(2)]
            write_rows(StudyPaths(study).shard("r0000000000", EVAL, epoch, 0), rows)
    names = {name: _rows(study, name) for name in shards_in(folder_of(study))}
    total = steps_of(_copy(study, tmp_path / "whole"), monkeypatch, stop_at=0)
    assert total >= 5
    for stop_at in range(1, total + 1):
        copy = _copy(study, tmp_path / str(stop_at))
        steps_of(copy, monkeypatch, stop_at)
        assert {name: _rows(copy, name) for name in shards_in(folder_of(copy))} == names, f"killed before {stop_at}"
        compaction.compact_study(copy)  # and the next one finishes what this one began
        assert {name: _rows(copy, name) for name in shards_in(folder_of(copy))} == names


def _copy(study: Path, target: Path) -> Path:
    shutil.copytree(study, target)
    return target


def _rows(study: Path, name: str) -> list[float]:
    ((_, table),) = read_shards([folder_of(study) / name], ["psnr"])
    return table["psnr"].to_pylist()


def test_a_reader_under_whose_hands_files_are_merged_reads_on(study):
    wanted = [StudyPaths(study).shard("r0000000000", EVAL, epoch, 0) for epoch in (1, 2, 3)]
    reader = read_shards(wanted, ["psnr"])
    found = [next(reader)]
    compaction.compact_study(study)
    found += reader
    assert sorted(value for _, table in found for value in table["psnr"].to_pylist()) == sorted(
        20.0 + epoch + i for epoch in (1, 2, 3) for i in range(3)
    )


def test_two_mergers_at_once_lose_nothing(study, monkeypatch):
    """The second merges, with a shard that is new, between the first one's reading and its index."""
    before = psnr(study)
    write_index = shards.write_index
    late = StudyPaths(study).shard("r0000000000", EVAL, 3, 0)

    def interrupted(compacted):
        monkeypatch.setattr(compaction, "write_index", write_index)
        compaction.compact_folder(folder_of(study))
        write_index(compacted)

    monkeypatch.setattr(compaction, "write_index", interrupted)
    compaction.compact_folder(folder_of(study))
    assert psnr(study) == before
    assert has_shard(late)
    compaction.compact_study(study)
    assert psnr(study) == before


def test_a_merged_file_that_lacks_a_row_changes_nothing(study, monkeypatch):
    import pyarrow.parquet as pq

    before, files = psnr(study), sorted(folder_of(study).iterdir())
    read = pq.read_metadata

    class Short:
        def __init__(self, path):
            self.num_rows = read(path).num_rows - 1

    monkeypatch.setattr(pq, "read_metadata", Short)
    with pytest.raises(RuntimeError, match="holds 8 rows instead of 9; nothing was changed"):
        compaction.compact_folder(folder_of(study))
    assert sorted(folder_of(study).iterdir()) == files
    assert psnr(study) == before


def test_a_study_without_scores_is_refused(tmp_path, capsys):
    assert compact.main([str(tmp_path)]) == 2
    assert "holds no scores" in capsys.readouterr().err


def test_a_merged_study_counts_as_done_and_its_scores_are_known_to_the_next_scoring(tmp_path, monkeypatch):
    """The whole road with the debug executor, which runs the tasks in this process."""
    from runner.record.stale import stale_results
    from runner.study.config import load_study
    from runner.study.plan import make_plan
    from srcnn.paths import RootPaths

    study_file = tiny_study(tmp_path, evaluate__metrics=["psnr"])
    root = RootPaths(tmp_path / "results")
    study, _ = load_study(str(study_file), [])
    plan = make_plan(study, root)
    plan.save()
    for task in plan.tasks:
        if task.stage != "report":
            task.job()
    assert [task.stage for task in plan.missing()] == ["report"]
    rows = len(analysis.load(plan.paths.folder))
    assert compaction.compact_study(plan.paths.folder)
    assert [task.stage for task in plan.missing()] == ["report"]
    assert stale_results(plan.tasks) == []
    assert len(analysis.load(plan.paths.folder)) == rows

    # A new upsampler scores only what is new: what is known comes out of the merged file.
    monkeypatch.setattr("jobs.scoring.warm_up", lambda *a: None)  # it scores, too
    scored = []
    original = Reference.score
    with monkeypatch.context() as patch:
        patch.setattr(Reference, "score", lambda *a, **k: scored.append(a) or original(*a, **k))
        more, _ = load_study(str(study_file), ["evaluate.upsamplers=[nearest,bicubic,bilinear]"])
        wider = make_plan(more, root)
        wider.save()
        for task in wider.missing():
            if task.stage in ("baseline", "evaluate"):
                task.job()
    found = analysis.load(wider.paths.folder)
    assert len(found) > rows
    assert len(scored) == (found["upsampler"] == "bilinear").sum()
