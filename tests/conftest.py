"""What several test files share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder that holds bsds500/, set5/, set14/ and t91/; tests that need it skip where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SRCNN_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no public sets in {folder}; name their folder with SRCNN_DATA")
    return folder
