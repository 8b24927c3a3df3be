"""Write values.json: what image-similarity-measures 0.3.6 itself says of each pair.

.venv-package/bin/python tests/package/make_values.py     # make test-package makes that environment
"""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from package.compared import PAIRS, TOLERANCE, VALUES, digest

with warnings.catch_warnings():  # phasepack says that it would like pyfftw
    warnings.simplefilter("ignore")
    from image_similarity_measures import quality_metrics


def package_value(name, x, y):
    """The package's value; None where it raises or gives nan."""
    if name == "cos":  # the report's own function
        return float(np.dot(x.ravel(), y.ravel()) / (np.linalg.norm(x) * np.linalg.norm(y)))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            value = float(quality_metrics.metric_functions[name](x, y))
        except ValueError:
            return None
    return None if np.isnan(value) else value


def main():
    """One entry a pair."""
    pairs = {}
    for name, make in PAIRS.items():
        pictures = make()
        values = {metric: package_value(metric, *pictures) for metric in TOLERANCE}
        pairs[name] = {"digest": digest(pictures), "values": values}
    made_with = {each: version(each) for each in ("image-similarity-measures", "numpy", "scikit-image")}
    VALUES.write_text(json.dumps({"made with": made_with, "pairs": pairs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
