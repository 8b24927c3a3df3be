"""One study and one browser, for all tests of the report's page."""

from pathlib import Path

import pytest
from chromium import browser  # noqa: F401 - a fixture
from conftest import tiny_study

from analysis.build import write_report
from runner.study.config import load_study
from runner.study.plan import make_plan
from srcnn.paths import RootPaths


@pytest.fixture(scope="session")
def page(tmp_path_factory) -> Path:
    """The report of a tiny study with pictures, all protocols and two runs."""
    folder = tmp_path_factory.mktemp("browser")
    file = tiny_study(folder, sweep__grid={"model.residual": [True, False]})
    study, _ = load_study(str(file), [])
    plan = make_plan(study, RootPaths(folder / "results"))
    plan.save()
    for task in plan.tasks:
        if task.stage != "report":
            task.job()
    with pytest.MonkeyPatch.context() as patch:  # the files beside it, which no browser opens, take as long again
        patch.setattr("analysis.page.save", lambda panels, *files: None)
        return write_report(plan.paths.folder)


@pytest.fixture
def opened(browser, page, request):  # noqa: F811 - a fixture
    """The page at a width and in a colour scheme."""
    width, scheme = getattr(request, "param", (1400, "light"))
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    return browser
