"""The report's own table, from its own pictures."""

import csv

import numpy as np
import pytest
from pictures import DATA, needs_data
from PIL import Image

from srcnn.files import read_picture
from srcnn.metrics import Reference
from srcnn.protocols import whole

TOLERANCE = {"psnr": 0.05, "ssim": 0.001, "sre": 0.01, "sam": 0.02}
# The pictures were stored as JPEG since; in this one crop that moves SRE by 0.0118 dB.
MOVED = {("268074", "3", "sre"): 0.012}


def comparisons():
    pictures = {}
    table = (DATA / "report" / "metric_results.csv").read_text().splitlines()
    for row in csv.DictReader(table):
        if row["image"] not in pictures:
            picture = read_picture(DATA / "report" / f"{row['image']}.jpg")
            pictures[row["image"]] = Reference(picture), list(whole(picture, [(160, 160)], ["bicubic"]))
        reference, crops = pictures[row["image"]]
        yield row, reference.score(crops[int(row["crop"]) - 1].estimate(), definition="package")


@needs_data
def test_the_reports_table_is_reproduced():
    found = list(comparisons())
    assert len(found) == 18
    for row, ours in found:
        for metric, tolerance in TOLERANCE.items():
            if (metric, row["image"]) == ("sam", "268074"):
                # It holds a black pixel: 0.3.6 returns 0, the report's 0.3.5 left nan pixels out.
                assert ours["sam"] == 0.0
            else:
                tolerance = MOVED.get((row["image"], row["crop"], metric), tolerance)
                assert ours[metric] == pytest.approx(float(row[metric]), abs=tolerance), (row, metric)
        # 0.3.5 took the root of the mean over all bands, 0.3.6 the mean of the bands' roots.
        assert 10 ** (-ours["psnr"] / 20) == pytest.approx(float(row["rmse"]), rel=0.01)
        assert ours["rmse"] == pytest.approx(float(row["rmse"]), rel=0.03)
        assert 0 <= ours["cos"] < 1e-6  # it wraps: only its order of magnitude survives JPEG


@needs_data
def test_the_reports_upsampling_is_per_band():
    picture = read_picture(DATA / "report" / "14092.jpg")
    first = next(whole(picture, [(160, 160)], ["bicubic"]))
    bands = [
        Image.fromarray(band).resize(picture.shape[1::-1], Image.Resampling.BICUBIC)
        for band in np.ascontiguousarray(picture[:160, :160].transpose(2, 0, 1))
    ]
    assert (first.estimate() == np.stack([np.asarray(band) for band in bands], axis=-1)).all()
