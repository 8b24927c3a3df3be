"""A group of settings: frozen, checked, and closed to keys that it does not know."""

import re
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationInfo, create_model, field_validator


class Section(BaseModel):
    """A frozen group of settings that refuses keys it does not know.

    ``version`` counts the changes of its defaults: ids hold what differs from them (see srcnn.identity).
    """

    version: ClassVar[int] = 1
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        if _holds_truth_value(value):  # pydantic would take true for 1
            wanted = str(cls.model_fields[str(info.field_name)].annotation)
            if re.search(r"\b(int|float)\b", wanted) and "bool" not in wanted:
                raise ValueError(f"expected a number, found {str(value).lower()}")
        return value


def _holds_truth_value(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, list | tuple) and any(map(_holds_truth_value, value)))


def settings(**fields: Any) -> type[Section]:
    """Return a section of settings: each name with its type, and with its default or a pydantic Field."""
    made: type[Section] = create_model("Settings", __base__=Section, **fields)
    return made
