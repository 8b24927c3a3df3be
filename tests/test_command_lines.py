"""Command lines answer --help without loading what only the work needs."""

import subprocess
import sys

import pytest
from conftest import REPOSITORY

HEAVY = ("torch", "cv2", "reportlab", "pandas", "pyarrow", "scipy", "numba", "skimage")

RUNNER = [f"runner.{name}" for name in ("submit", "status", "logs", "cancel", "clean", "doctor")]
ANALYSIS = [f"analysis.{name}" for name in ("report", "table", "plot", "compare", "compact")]


@pytest.mark.parametrize("module", [*RUNNER, "jobs.evaluate", "jobs.restore", "jobs.fetch", *ANALYSIS])
def test_help_loads_no_heavy_package(module):
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['x', '--help']\n"
        "try:\n"
        f"    runpy.run_module({module!r}, run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert f"usage: python -m {module}" in result.stdout
    assert result.stdout.splitlines()[-1] == "LOADED []"


def test_scoring_runs_without_torch(tmp_path):
    program = (
        "import sys\n"
        "sys.modules['torch'] = None  # importing it now fails\n"
        "from jobs.evaluate import Evaluate\n"
        "from jobs.baseline import Baseline\n"
        "import numpy as np, srcnn.metrics\n"
        "a = np.zeros((16, 16, 3), np.uint8)\n"
        "print(srcnn.metrics.score(a, a + 1, ['psnr']))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "48.13" in result.stdout
