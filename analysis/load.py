"""The score table and the histories of a study, as it was last submitted."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from srcnn.files import read_json
from srcnn.metrics import is_metric
from srcnn.paths import StudyPaths
from srcnn.schema import score_schema


def contents(study_dir: Path | str) -> dict[str, Any]:
    """What the study holds: its runs, their ids and epochs, its sets.

    Raises FileNotFoundError if no study was submitted into this folder.
    """
    found = read_json(StudyPaths(Path(study_dir)).contents)
    if found is None:
        raise FileNotFoundError(f"{study_dir}: holds no study (no contents.json); submit one into it first")
    return dict(found)


def shards(study_dir: Path | str) -> tuple[list[Path], list[Path]]:
    """The Parquet files of the study's scores: those that are there, and those still missing."""
    paths = StudyPaths(Path(study_dir))
    wanted: dict[Path, None] = {}
    for run in contents(study_dir)["runs"]:
        wanted[paths.shard(run["degradation_id"], run["eval_id"], 0, 0)] = None
        for epoch in run["epochs"]:
            for block in range(run["shards"]):
                wanted[paths.shard(run["run_id"], run["eval_id"], epoch, block)] = None
    there = [path for path in wanted if path.exists()]
    return there, [path for path in wanted if not path.exists()]


def load(study_dir: Path | str, columns: Iterable[str] | None = None) -> pd.DataFrame:
    """One row a comparison, in the columns of ``srcnn.schema.score_schema``, and two more.

    ``label`` says in words which run it is (the method's name for baselines), ``degradation_id``
    pairs runs with their baseline. Scores that are not there yet are simply absent.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    there = shards(study_dir)[0]
    own = (name for path in there for name in pq.read_schema(path).names if is_metric(name))
    schema = score_schema(own)
    names = list(columns) if columns is not None else schema.names
    runs = contents(study_dir)["runs"]
    labels = {run["run_id"]: run["label"] for run in runs}
    degradations = {run["run_id"]: run["degradation_id"] for run in runs}
    frames = []
    for path in there:
        owner = path.parent.name
        table = pq.read_table(path, columns=names, schema=schema)
        label = pa.array([labels.get(owner)] * len(table), pa.string())
        degradation = pa.array([degradations.get(owner, owner)] * len(table), pa.string())
        frames.append(table.append_column("label", label).append_column("degradation_id", degradation))
    if not frames:
        return pd.DataFrame(columns=[*names, "label", "degradation_id"])
    frame: pd.DataFrame = pa.concat_tables(frames).to_pandas()
    if "method" in frame:
        frame["label"] = frame["label"].where(frame["label"].notna(), frame["method"])
    return frame


def load_histories(study_dir: Path | str) -> pd.DataFrame:
    """One row a run and epoch: label, losses, learning rate, seconds, throughput."""
    paths = StudyPaths(Path(study_dir))
    rows = []
    for run in contents(study_dir)["runs"]:
        history = paths.run(run["run_id"]).history
        if history.exists():
            for line in history.read_text().splitlines():
                record = json.loads(line)
                record.pop("sets", None)
                rows.append({"run_id": run["run_id"], "label": run["label"], **record})
    return pd.DataFrame(rows)
