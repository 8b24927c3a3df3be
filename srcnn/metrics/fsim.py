"""FSIM: feature similarity of phase congruency and gradients.

Only the ``package`` definition is here so far: it is image-similarity-measures' own function,
too slow for thousands of comparisons, so no packaged study asks for it.
"""

from srcnn.metrics.metric import Metric, package_function

METRIC = Metric(
    name="fsim",
    title="FSIM",
    unit="1",
    higher_is_better=True,
    low=0.0,
    high=1.0,
    ideal=1.0,
    source="Zhang et al. (2011), doi:10.1109/TIP.2011.2109730",
    definitions={"package": package_function("fsim")},
)
