import os
from pathlib import Path

import pytest


@pytest.fixture
def data_root():
    """Folder with set5, set14, bsds500 and t91: $SRCNN_DATA, or shared/data beside the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SRCNN_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no public image sets at {folder}; SRCNN_DATA names their folder")
    return folder
