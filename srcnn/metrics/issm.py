"""ISSM: information-theoretic statistical similarity.

Only the ``package`` definition is here so far: it is image-similarity-measures' own function,
too slow for thousands of comparisons, so no packaged study asks for it.
"""

import math

from srcnn.metrics.metric import Metric, package_function

METRIC = Metric(
    name="issm",
    title="ISSM",
    unit="1",
    higher_is_better=True,
    low=-math.inf,
    high=math.inf,
    ideal=None,
    source="Aljanabi et al. (2018), doi:10.1155/2018/9801308",
    definitions={"package": package_function("issm")},
)
