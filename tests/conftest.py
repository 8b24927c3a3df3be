"""What several tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of public picture sets and published weights; SRCNN_DATA names another one."""
    default = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("SRCNN_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"the public picture sets are not in {folder} (set SRCNN_DATA to their folder)")
    return folder
