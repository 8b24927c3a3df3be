"""image-similarity-measures 0.3.6 itself, on the same bytes as its kept values and as our kernels."""

import pytest
from package.compared import PAIRS, TOLERANCE, kept_values
from package.make_values import package_value

from srcnn.metrics import QUICK_METRICS, score


@pytest.mark.parametrize("pair", PAIRS)
def test_the_package_says_what_is_kept_and_what_we_find(pair):
    pictures = PAIRS[pair]()
    kept, found = kept_values(pair, pictures), score(*pictures, definition="package")
    assert set(kept) == set(QUICK_METRICS)
    for name in QUICK_METRICS:
        live = package_value(name, *pictures)
        if live is None:
            assert kept[name] is None, name
            assert found[name] is None, name
        else:
            assert kept[name] == pytest.approx(live, rel=1e-9, abs=1e-12), name
            assert found[name] == pytest.approx(live, abs=TOLERANCE[name]), name
