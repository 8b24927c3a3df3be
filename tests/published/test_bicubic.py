"""The literature's protocol, end to end: the bicubic column of Dong et al. (2016), table 3."""

import numpy as np
import pytest

from srcnn.deprocess import as_measured_luma
from srcnn.experiment import DataConfig
from srcnn.files import read_picture
from srcnn.metrics import score
from srcnn.protocols import luma
from srcnn.views import interpolated_bands, measured_luma, reference


# doi:10.1109/TPAMI.2015.2439281: Set5, PSNR of bicubic interpolation.
@pytest.mark.parametrize(("scale", "psnr_db"), [(2, 33.66), (3, 30.39), (4, 28.42)])
def test_bicubic_on_set5_scores_what_the_literature_prints(data_root, scale, psnr_db):
    data = DataConfig(train="unused", scale=scale, crop_to_scale=True)
    found = []
    for path in sorted((data_root / "set5").glob("*.png")):
        hr = reference(read_picture(path), data)
        estimate = as_measured_luma(interpolated_bands(hr, data)[..., 0], data.luma)
        (pair,) = luma(measured_luma(hr), estimate, shave=scale)
        found.append(score(pair.reference, pair.estimate(), ["psnr"])["psnr"])
    assert len(found) == 5
    assert np.mean(found) == pytest.approx(psnr_db, abs=0.01)
