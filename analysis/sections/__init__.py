"""The sections of the report, in the order of the page: functions by name, from Evidence to a section or None."""

from collections.abc import Callable

from analysis.evidence import Evidence
from analysis.page import PageSection
from analysis.sections import (
    answer,
    clips,
    contrast,
    epochs,
    images,
    light,
    making,
    networks,
    numbers,
    seeds,
    subimages,
    upsamplers,
)

SECTIONS: dict[str, Callable[[Evidence], PageSection | None]] = {
    "answer": answer.section,
    "light": light.section,
    "seeds": seeds.section,
    "epochs": epochs.section,
    "networks": networks.section,
    "clips": clips.section,
    "images": images.section,
    "contrast": contrast.section,
    "upsamplers": upsamplers.section,
    "subimages": subimages.section,
    "numbers": numbers.section,
    "making": making.section,
}
SCORELESS = ("making",)  # sections that can be shown before anything is scored
