"""Finished studies made of numbers alone: score tables, contents and configurations, without pictures."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from srcnn.contents import LAYOUT
from srcnn.files import write_json, write_text
from srcnn.metrics import QUICK_METRICS
from srcnn.paths import StudyPaths
from srcnn.schema import KEY_COLUMNS
from srcnn.score_schema import score_schema

EVAL, BASELINE, OTHER_BASELINE = "e0000000000", "b0000000000", "b0000000001"


def row(image: str, method: str = "srcnn", **values: object) -> dict:
    """One comparison; what is not named is a region of 160x160 at the origin."""
    key = {"set": "test", "image": image, "method": method, "protocol": "region", "zoom": 1, "definition": "paper"}
    key |= {"x": 0, "y": 0, "width": 160, "height": 160}
    return dict.fromkeys([*KEY_COLUMNS, *QUICK_METRICS]) | key | values


def write_rows(path: Path, rows: list[dict]) -> Path:
    """Write one shard."""
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = score_schema().with_metadata({"made_from": '{"sets": {}, "metrics": {}}'})
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def write_study(
    folder: Path, runs: dict[str, dict], baseline: list[dict], metrics: tuple[str, ...] = ("psnr", "ssim")
) -> Path:
    """A study of ``label -> {"settings": {...}, "epochs": {epoch: rows}}``; its folder."""
    paths = StudyPaths(folder)
    listed = []
    for number, (label, about) in enumerate(runs.items()):
        run_id = f"r{number:010d}"
        evaluate = {"metrics": list(metrics), "crops": [[160, 160]]}
        settings = {"evaluate": evaluate, "seed": 0, **about.get("settings", {})}
        write_text(paths.run(run_id).config, yaml.safe_dump(settings))
        for epoch, rows in about["epochs"].items():
            filled = [{**each, "run_id": run_id, "epoch": epoch} for each in rows]
            write_rows(paths.shard(run_id, EVAL, epoch, 0), filled)
        listed.append(
            {
                "run_id": run_id,
                "label": label,
                "eval_id": EVAL,
                "degradation_id": BASELINE,
                "epochs": about.get("wanted", list(about["epochs"])),
                "shards": 1,
                **{name: about[name] for name in ("weights", "multiplications") if name in about},
            }
        )
    if baseline:
        write_rows(paths.shard(BASELINE, EVAL, 0, 0), baseline)
    sets = {each["set"] for about in runs.values() for rows in about["epochs"].values() for each in rows}
    contents = {name: {"group": "test", "set_id": f"s{name}"} for name in sorted(sets or {"test"})}
    write_json(paths.contents, {"layout": LAYOUT, "study": folder.name, "runs": listed, "sets": contents, "tasks": []})
    return folder


def write_two_degradations(folder: Path) -> Path:
    """A study of two runs, each with a baseline of its own; in each value is whose it is and which protocol's.

    The first run's values begin at 30, the second's at 40 in its last epoch, the baselines' at 10 and 20; the second
    of the pictures p and q has 1 more; luma has 0.4 more, region 0.6 and compound 0.8.
    """

    def rows(method: str, level: float) -> list[dict]:
        more = {"luma": 0.4, "region": 0.6, "compound": 0.8}
        return [
            row(image, method, protocol=protocol, psnr=level + place + more[protocol])
            | ({"upsampler": "lanczos"} if protocol == "compound" else {})
            for place, image in enumerate(("p", "q"))
            for protocol in more
        ]

    epochs = {"one": {1: rows("srcnn", 30.0)}, "two": {1: rows("srcnn", 1.0), 2: rows("srcnn", 40.0)}}
    write_study(folder, {label: {"epochs": of_run} for label, of_run in epochs.items()}, rows("bicubic", 10.0))
    paths = StudyPaths(folder)
    contents = json.loads(paths.contents.read_text())
    contents["runs"][1]["degradation_id"] = OTHER_BASELINE
    write_json(paths.contents, contents)
    write_rows(paths.shard(OTHER_BASELINE, EVAL, 0, 0), rows("bicubic", 20.0))
    return folder
