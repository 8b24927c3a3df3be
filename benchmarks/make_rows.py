"""``python benchmarks/make_rows.py FOLDER --rows 10_000_000``: a study of that many rows, with no pictures behind them.

The rows have the shape of a real study: 20 runs (5 settings, 4 seeds), 200 pictures of 321x481 in
six crops, four protocols, five upsamplers, nine metrics in two definitions. Values are a picture's
difficulty plus a run's skill plus noise, so that reports find something; some are infinite or null.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from srcnn.contents import LAYOUT
from srcnn.files import write_json, write_text
from srcnn.metrics import METRICS, QUICK_METRICS
from srcnn.patches import crop_grid
from srcnn.paths import StudyPaths
from srcnn.score_schema import score_schema
from srcnn.upsample import UPSAMPLERS

PICTURES, HEIGHT, WIDTH, CROP = 200, 321, 481, 160
LEVEL = {
    "psnr": 28.0,
    "ssim": 0.85,
    "rmse": 0.04,
    "sre": 20.0,
    "sam": 3.0,
    "cos": 0.99,
    "uiq": 0.8,
    "fsim": 0.9,
    "issm": 0.7,
}
SCALE = {
    "psnr": 3.0,
    "ssim": 0.05,
    "rmse": 0.01,
    "sre": 3.0,
    "sam": 0.8,
    "cos": 0.003,
    "uiq": 0.06,
    "fsim": 0.03,
    "issm": 0.1,
}


def keys_of_picture():
    """Return the key columns of one picture's rows below its name: protocol, upsampler, zoom, definition, box."""
    grid = crop_grid(HEIGHT, WIDTH, CROP, CROP)
    rows = []
    for definition in ("paper", "package"):
        for box in grid:
            rows += [("whole", upsampler, 1, definition, *box) for upsampler in UPSAMPLERS]
            rows.append(("region", None, 1, definition, *box))
            rows += [("compound", upsampler, 2, definition, *box) for upsampler in UPSAMPLERS]
        rows.append(("luma", None, 1, definition, 3, 3, WIDTH - 6, HEIGHT - 6))
    return rows


def shard_table(generator, run_id, epoch, pictures, skill):
    """Return one shard: all rows of some pictures of a run (None: the baseline)."""
    keys = keys_of_picture()
    if run_id is None:
        methods = ["direct" if key[0] == "compound" else "bicubic" for key in keys]
    else:
        methods = ["srcnn"] * len(keys)
    count = len(keys) * len(pictures)
    columns = {
        "run_id": pa.array([run_id] * count, pa.string()),
        "epoch": pa.array([epoch] * count, pa.int32()),
        "set": pa.array(["bench"] * count, pa.string()),
        "image": pa.array(np.repeat([f"picture_{n:04d}" for n in pictures], len(keys)), pa.string()),
        "method": pa.array(methods * len(pictures), pa.string()),
    }
    for place, name in enumerate(("protocol", "upsampler", "zoom", "definition", "x", "y", "width", "height")):
        kind = score_schema().field(name).type
        columns[name] = pa.array([key[place] for key in keys] * len(pictures), kind)
    difficulty = np.repeat(np.sin(np.array(pictures) * 12.9898), len(keys))
    for name in QUICK_METRICS:
        metric = METRICS[name]
        direction = 1.0 if metric.higher_is_better else -1.0
        values = LEVEL[name] + SCALE[name] * (difficulty + direction * skill + 0.3 * generator.standard_normal(count))
        if name == "psnr":
            values[generator.random(count) < 1e-5] = np.inf
        nulls = generator.random(count) < 1e-5 if name == "sam" else None
        columns[name] = pa.array(values, pa.float64(), mask=nulls)
    return pa.table(columns, schema=score_schema())


def make_study(folder, rows, blocks=1, name="bench"):
    """Write a finished study of about ``rows`` rows; return how many rows and files it has."""
    paths = StudyPaths(Path(folder) / name)
    per_epoch = len(keys_of_picture()) * PICTURES
    settings = [("mse", 5e-4), ("mse", 1e-3), ("mse", 2e-3), ("l1", 1e-3), ("l1", 2e-3)]
    runs, seeds = len(settings) * 4, 4
    epochs = max(1, round(rows / per_epoch / runs))
    generator = np.random.default_rng(0)
    eval_id, degradation_id, set_id = "e000000bench", "b000000bench", "s000000bench"
    listed, total, files = [], 0, 0

    def write(owner, epoch, table, block):
        nonlocal total, files
        target = paths.shard(owner, eval_id, epoch, block, blocks if epoch else 1)
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, target, compression="zstd")
        total, files = total + len(table), files + 1

    write(degradation_id, 0, shard_table(generator, None, None, range(PICTURES), 0.0), 0)
    for number in range(runs):
        (loss, rate), seed = settings[number // seeds], number % seeds
        run_id, label = f"r{number:010d}", f"loss={loss} learning_rate={rate:g} seed={seed}"
        kept = list(range(1, epochs + 1))
        listed.append(
            {
                "run_id": run_id,
                "label": label,
                "eval_id": eval_id,
                "degradation_id": degradation_id,
                "epochs": kept,
                "shards": blocks,
            }
        )
        write_text(paths.run(run_id).config, _config(loss, rate, seed, epochs))
        for epoch in kept:
            skill = 0.1 + 0.05 * (number // seeds) + 0.3 * (1 - np.exp(-epoch / 5)) + 0.02 * generator.standard_normal()
            for block in range(blocks):
                write(
                    run_id, epoch, shard_table(generator, run_id, epoch, range(block, PICTURES, blocks), skill), block
                )
    sets = {"bench": {"group": "test", "set_id": set_id}}
    write_json(paths.contents, {"layout": LAYOUT, "study": name, "runs": listed, "sets": sets, "tasks": []})
    return total, files


def _config(loss, rate, seed, epochs):
    metrics = "".join(f"  - {name}\n" for name in QUICK_METRICS)
    return (
        f"training:\n  loss: {loss}\n  learning_rate: {rate}\n  epochs: {epochs}\nseed: {seed}\n"
        f"evaluate:\n  metrics:\n{metrics}  crops:\n  - - {CROP}\n    - {CROP}\n  zooms:\n  - 2\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=lambda text: int(float(text.replace("_", ""))), default=10_000_000)
    parser.add_argument("--blocks", type=int, default=1, help="score files of each run and epoch")
    arguments = parser.parse_args()
    rows, files = make_study(arguments.folder, arguments.rows, arguments.blocks)
    print(f"{arguments.folder / 'bench'}: {rows:,} rows in {files:,} files")
