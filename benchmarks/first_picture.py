"""The README's picture: one region as low resolution, bicubic, SRCNN and original, from a finished study.

python benchmarks/first_picture.py results/quickstart docs/first.png
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from srcnn.experiment import DataConfig
from srcnn.files import read_json, read_picture
from srcnn.metrics import score
from srcnn.patches import Box
from srcnn.paths import StudyPaths
from srcnn.upsample import UPSAMPLERS
from srcnn.views import low_resolution_picture

SET, IMAGE, REGION = "held-out", "astronaut", Box(160, 50, 150, 120)


def main(study_dir: str, target: str) -> None:
    """Draw the four panels, each with its PSNR over the region."""
    import yaml

    paths = StudyPaths(Path(study_dir))
    about = read_json(paths.contents)
    run = about["runs"][0]
    data = DataConfig(**yaml.safe_load(paths.run(run["run_id"]).config.read_text())["data"])
    listed = read_json(paths.root.pictures(about["sets"][SET]["set_id"]))
    original = read_picture(Path(next(picture["path"] for picture in listed if picture["name"] == IMAGE)))
    lr = low_resolution_picture(original, data)
    rendered = paths.run(run["run_id"]).rendered_epoch(about["sets"][SET]["group"], run["epochs"][-1])
    panels = {
        f"low resolution (1/{data.scale})": UPSAMPLERS["nearest"](lr, *original.shape[:2]),
        "bicubic": read_picture(paths.baseline(run["degradation_id"]) / SET / f"{IMAGE}.png"),
        "SRCNN": read_picture(rendered / SET / f"{IMAGE}.png"),
        "original": original,
    }
    figure = Figure(figsize=(12, 2.75), layout="constrained")
    reference = np.ascontiguousarray(REGION.cut(original))
    for axis, (title, picture) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        region = np.ascontiguousarray(REGION.cut(picture))
        enlarged = Image.fromarray(region).resize((region.shape[1] * 3, region.shape[0] * 3), Image.Resampling.NEAREST)
        value = score(reference, region, ["psnr"])["psnr"]
        axis.imshow(np.asarray(enlarged))
        axis.set_title(title if title == "original" else f"{title}: {value:.2f} dB", fontsize=11)
        axis.set_axis_off()
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
