"""The devices that tests here are given."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch

CUDA = torch.cuda.is_available()
SOON_S = 1800  # of a command, which a busy machine keeps waiting
SMALL = {"vdsr": {"layers": 4}, "edsr": {"blocks": 2, "channels": 16}}  # settings of networks that are large
needs_gpu = pytest.mark.skipif(not CUDA, reason="torch sees no GPU here")


@pytest.fixture(params=["cuda" if CUDA else "cpu"])
def device(request: pytest.FixtureRequest) -> torch.device:
    """The GPU; without one the CPU."""
    return torch.device(request.param)


@pytest.fixture
def cuda() -> torch.device:
    """The GPU."""
    if not CUDA:
        pytest.skip("torch sees no GPU here")
    return torch.device("cuda")


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Keeps a figure, which is printed when all tests are over."""
    return partial(record_property, "figure")


@pytest.fixture(autouse=True)
def _few_threads() -> Iterator[None]:
    """The CPU's networks here are too small for more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests found out in numbers, so that it can be quoted."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    figures = [value for report in reports for name, value in report.user_properties if name == "figure"]
    if figures:
        terminalreporter.section("figures")
        for figure in figures:
            terminalreporter.write_line(str(figure))
