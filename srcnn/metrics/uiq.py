"""UIQ: the universal image quality index.

Only the ``package`` definition is here so far: it is image-similarity-measures' own function,
too slow for thousands of comparisons, so no packaged study asks for it.
"""

from srcnn.metrics.metric import Metric, package_function

METRIC = Metric(
    name="uiq",
    title="UIQ",
    unit="1",
    higher_is_better=True,
    low=-1.0,
    high=1.0,
    ideal=1.0,
    source="Wang & Bovik (2002), doi:10.1109/97.995823",
    definitions={"package": package_function("uiq")},
)
