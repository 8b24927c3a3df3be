"""ms a comparison of image-similarity-measures and of the report's own cos, as JSON, in their own environment.

    .venv-package/bin/python benchmarks/package.py PAIR.npy

PAIR.npy holds reference and estimate, (2, height, width, 3), uint8. scoring.py and evaluation.py run this.
"""

import json
import sys
import time
import warnings

import numpy as np

with warnings.catch_warnings():  # phasepack says that it would like pyfftw
    warnings.simplefilter("ignore")
    from image_similarity_measures.quality_metrics import metric_functions

REPEATS = {"uiq": 1, "fsim": 2}  # the slow ones; the others 10 times


def cos(x, y):
    """Return the report's own cos, whose dot product wraps."""
    return np.dot(x.ravel(), y.ravel()) / (np.linalg.norm(x) * np.linalg.norm(y))


def main():
    """Return the least processor time of some calls of each function, in ms."""
    pair = np.load(sys.argv[1], allow_pickle=False)
    times = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name, function in {**metric_functions, "cos": cos}.items():
            found = []
            for _ in range(REPEATS.get(name, 10)):
                start = time.process_time()
                function(*pair)
                found.append(time.process_time() - start)
            times[name] = 1e3 * min(found)
    print(json.dumps(times))


if __name__ == "__main__":
    main()
