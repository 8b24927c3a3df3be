"""What a network is to the rest of this project: the one contract of all of them, and of a user's own."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, Self

from torch import Tensor, nn


class Network(Protocol):
    """A torch.nn.Module from luma to luma that states three whole numbers.

    It maps luma (N, 1, h, w) on its own scale of values to (N, 1, h * scale - 2 * border, w * scale - 2 * border), for
    any h and w from ``2 * reach + 1`` on.

    - ``scale``: output pixels per input pixel along a side. 1: it is fed the interpolated picture; the study's scale:
      it is fed the low-resolution picture, and enlarges it itself.
    - ``border``: output pixels that are lost at each side.
    - ``reach``: how many input pixels away from its place an output pixel still depends on the input. Large pictures
      go through in tiles that overlap by so many, so that no seam can show.
    """

    scale: int
    border: int
    reach: int
    training: bool

    def __call__(self, luma: Tensor, /) -> Tensor:
        """Return restored luma."""
        ...

    # What follows is torch's own.
    def train(self, mode: bool = True) -> Self:  # noqa: D102
        ...

    def eval(self) -> Self:  # noqa: D102
        ...

    def to(self, *args: Any, **kwargs: Any) -> Self:  # noqa: D102
        ...

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:  # noqa: D102
        ...

    def named_parameters(  # noqa: D102
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]: ...

    def modules(self) -> Iterator[nn.Module]:  # noqa: D102
        ...

    def named_modules(self) -> Iterator[tuple[str, nn.Module]]:  # noqa: D102
        ...

    def state_dict(self) -> dict[str, Any]:  # noqa: D102
        ...

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:  # noqa: D102
        ...
