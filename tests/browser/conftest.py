"""One study and one browser, for all tests of the report's page."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import tiny_study

from analysis.build import write_report
from runner.study.config import load_study
from runner.study.plan import make_plan
from srcnn.paths import RootPaths

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


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


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator:
    """A browser without a window, for all tests."""
    if not BROWSER or not DRIVER:
        pytest.skip("no chromium and chromedriver on this machine")
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    options = selenium.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, page, request):
    """The page at a width and in a colour scheme."""
    width, scheme = getattr(request, "param", (1400, "light"))
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    return browser
