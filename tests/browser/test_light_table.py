"""The light table in a browser: what lies on it, where it is looked at, and what keys, pointers and fingers do."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from analysis import compare
from analysis.scores import load
from analysis.style import digits, number
from srcnn.upsample import UPSAMPLERS

TABLE = "const table = document.querySelector('.light').table;"
every_width = pytest.mark.parametrize("opened", [(400, "light"), (1400, "dark")], indirect=True)


def wait(browser, condition="table.layers().flat().every((each) => each.source.image)"):
    """Wait until all that is shown is there."""
    script = f"{TABLE} const end = arguments[0], look = () => ({condition}) ? end(true) : setTimeout(look, 20); look();"
    assert browser.execute_async_script(script)


def run(browser, script, *arguments):
    return browser.execute_script(f"{TABLE} {script}", *arguments)


@pytest.fixture
def table(opened):
    """The page's table, with its pictures there; scrolled to."""
    opened.set_script_timeout(60)
    wait(opened)
    run(opened, "table.root.scrollIntoView()")
    return opened


@pytest.fixture
def stage(table):
    return table.find_element(By.CSS_SELECTOR, ".light-stage")


def pixels(browser, points):
    """The colours of points of the first frame, given in pixels of the picture."""
    script = """
    table.draw();
    return arguments[0].map(([x, y]) => {
      const at = screenAt(table.view(), table.frames[0], { x, y });
      return [...readPixels(table.canvas, Math.floor(at.x), Math.floor(at.y), 1, 1).data].slice(0, 3);
    });
    """
    return run(browser, script, points)


def file_of(browser, page, place):
    """The pixels of the file that a place of the table shows, as Python reads it."""
    script = """
    const held = table.data.held;
    table.data.held = {};
    const address = table.pictures.address(table.state.shown[arguments[0]], table.state.picture);
    table.data.held = held;
    return address;
    """
    return np.asarray(Image.open(page.parent / run(browser, script, place)).convert("RGB")).astype(int)


@every_width
def test_it_opens_with_interpolation_beside_the_best_run_and_their_scores(table, page):
    shown = run(table, "return table.state.shown.map((each) => [each.method.kind, each.epoch])")
    assert [kind for kind, _ in shown] == ["bicubic", "run"]
    assert table.get_log("browser") == []
    of_picture = run(table, "return table.data.pictures[table.state.picture]")
    names = run(table, "return [table.state.shown[1].method.key, table.state.scope]")
    rows = load(page.parent.parent, protocol="region", set=of_picture["set"], image=of_picture["name"], run=names[0])
    rows = rows[(rows["run_id"] == names[0]) & (rows["epoch"] == shown[1][1])]
    expected = rows["psnr"].mean()
    cells = [cell.text for cell in table.find_elements(By.CSS_SELECTOR, ".light-chosen td")]
    assert float(cells[1]) == pytest.approx(expected, abs=0.011)
    rows = table.find_elements(By.CSS_SELECTOR, ".light-table tbody tr")
    assert len(rows) == len(run(table, "return table.data.metrics")) + 1  # and the pixel's values


@every_width
def test_every_pixel_is_a_square_of_its_own_colour_at_any_zoom_from_one_on(table, page):
    for zoom in (1, 8, 33):
        run(table, "table.change({ mode: 'flip', front: 1, view: { zoom: arguments[0], x: 11, y: 9 } })", zoom)
        wait(table)
        inside = [(11 + dx, 9 + dy) for dx in (0.02, 0.5, 0.97) for dy in (0.02, 0.97)] if zoom > 1 else [(11, 9)]
        assert {tuple(colour) for colour in pixels(table, inside)} == {tuple(file_of(table, page, 1)[9, 11])}


def test_two_frames_show_the_same_pixels_wherever_it_is_moved(table, stage):
    run(table, "table.change({ view: { zoom: 8, x: 12, y: 10 } })")
    stage.click()
    for key in (Keys.ARROW_RIGHT, "+", Keys.ARROW_DOWN, "-", "-"):
        stage.send_keys(key)
    first, second = run(
        table, "return table.frames.map((frame) => pictureAt(table.view(), frame, { x: frame.x + 9, y: frame.y + 9 }))"
    )
    assert first == pytest.approx(second)
    middle = run(table, "const f = table.frames[0]; return [f.x + f.width / 2, f.y + f.height / 2]")
    x, y = (round(at - side / 2) for at, side in zip(middle, (stage.size["width"], stage.size["height"]), strict=True))
    ActionChains(table).move_to_element_with_offset(stage, x, y).perform()
    assert run(table, "return table.state.point !== null")
    texts = [cell.text for cell in table.find_elements(By.CSS_SELECTOR, ".light-pixel td")]
    assert all(len(text.split()) == 3 for text in texts)


def test_keys_choose_the_mode_and_space_flips_while_it_is_held(table, stage):
    stage.click()
    for key, mode in (("w", "wipe"), ("d", "difference"), ("f", "flip"), ("s", "side")):
        stage.send_keys(key)
        assert run(table, "return table.state.mode") == mode
    stage.send_keys("f", "1")
    assert run(table, "return table.layers().map((each) => each[0].place)") == [0]
    ActionChains(table).key_down(" ").perform()
    assert run(table, "return table.layers().map((each) => each[0].place)") == [1]
    ActionChains(table).key_up(" ").perform()
    assert run(table, "return table.layers().map((each) => each[0].place)") == [0]
    before = run(table, "return table.state.picture")
    stage.send_keys("n")
    assert run(table, "return table.state.picture") != before
    stage.send_keys("p", "g", "x")
    assert run(table, "return [table.state.picture, table.state.grid, table.full]") == [before, "patches", True]
    stage.send_keys(Keys.ESCAPE)
    assert not run(table, "return table.full")
    assert table.get_log("browser") == []


def test_the_line_of_the_wipe_is_dragged_and_all_else_moves_the_picture(table, stage, page):
    run(table, "table.change({ mode: 'wipe', view: { zoom: 16, x: 20, y: 16 } })")
    wait(table)
    width = stage.size["width"]
    ActionChains(table).move_to_element(stage).click_and_hold().move_by_offset(round(width / 4), 0).release().perform()
    assert run(table, "return table.state.line") == pytest.approx(0.75, abs=0.01)
    left, right = (file_of(table, page, place) for place in (0, 1))
    edge = run(table, "return pictureAt(table.view(), table.frames[0], { x: table.lineAt(), y: 0 }).x")
    x, y = int(edge) - 2, 12
    assert pixels(table, [(x + 0.5, y + 0.5)]) == [list(left[y, x])]
    x = int(edge) + 2
    if x < right.shape[1]:
        assert pixels(table, [(x + 0.5, y + 0.5)]) == [list(right[y, x])]
    run(table, "table.change({ line: 0.1, view: { zoom: 33, x: 20, y: 16 } })")
    before = run(table, "return table.view().x")
    ActionChains(table).move_to_element(stage).click_and_hold().move_by_offset(-66, 0).release().perform()
    assert run(table, "return table.view().x") == pytest.approx(before + 2, abs=0.1)


def test_the_difference_map_holds_the_difference_of_every_pixel(table, page):
    run(table, "table.change({ mode: 'difference', scale: 8, view: { zoom: 4, x: 14, y: 12 } })")
    wait(table)
    a, b = (file_of(table, page, place) for place in (0, 1))
    points = [(x, y) for x in (8, 14, 17) for y in (8, 12, 15)]
    found = pixels(table, [(x + 0.5, y + 0.5) for x, y in points])
    assert found == [list(np.abs(a[y, x] - b[y, x])) for x, y in points]
    assert run(table, "return getComputedStyle(table.canvas).filter") == 'url("#light-map")'
    assert "32 grey levels" in table.find_element(By.CSS_SELECTOR, ".light-scale + select option:checked").text
    run(table, "table.hold(true)")
    assert run(table, "return getComputedStyle(table.canvas).filter") == "none"


def touch(browser, kind, points):
    touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
    browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})


@pytest.mark.parametrize("opened", [(400, "light")], indirect=True)
def test_two_fingers_zoom_one_moves_and_two_taps_go_back(table, stage):
    box = run(table, "const box = table.stage.getBoundingClientRect(); return [box.x, box.y, box.width, box.height]")
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 4
    fit = run(table, "return table.view().zoom")
    touch(table, "touchStart", [(x - 20, y), (x + 20, y)])
    for spread in (30, 45, 60, 80):
        touch(table, "touchMove", [(x - spread, y), (x + spread, y)])
    touch(table, "touchEnd", [])
    zoomed = run(table, "return table.view()")
    assert zoomed["zoom"] == pytest.approx(4 * fit, abs=1)
    assert zoomed["zoom"] == int(zoomed["zoom"])
    touch(table, "touchStart", [(x, y)])
    for step in (5, 10, 15):
        touch(table, "touchMove", [(x - step, y)])
    touch(table, "touchEnd", [])
    assert run(table, "return table.view().x") > zoomed["x"]
    for _ in range(2):
        touch(table, "touchStart", [(x, y)])
        touch(table, "touchEnd", [])
    assert run(table, "return table.state.view") is None


def test_the_address_holds_what_is_shown(table, page):
    run(
        table,
        """table.change({ mode: "wipe", line: 0.25, view: { zoom: 8, x: 12, y: 10 }, grid: "patches", metric: "ssim" });
        table.replace(0, shownAt(table.data.methods.find((each) => each.kind === "low")));
        table.add(); table.write();""",
    )
    address = table.current_url
    state = "return [addressOf(table.state, table.data), table.state.metric, table.state.shown.length]"
    before = run(table, state)
    table.get("about:blank")
    table.get(address)
    wait(table)
    assert run(table, state) == before
    assert before[1:] == ["ssim", 3]
    run(table, "location.hash = '#light?mode=flip&picture=nothing&show=a%20b&view=x,1&metric=none'")
    wait(table, "table.state.mode === 'flip'")
    assert table.get_log("browser") == []


def test_regions_of_the_page_lead_to_the_table(table):
    for _ in range(2):
        link = table.find_element(By.PARTIAL_LINK_TEXT, "On the light table")
        table.execute_script("arguments[0].click()", link)
        wait(table, "table.state.view?.zoom === 3")
        assert run(table, "return [table.state.grid, ...table.state.shown.map((each) => each.method.kind)]") == [
            "patches",
            "bicubic",
            "run",
        ]
        top = run(table, "return table.root.getBoundingClientRect().top")
        assert abs(top) < 40
        run(table, "table.change({ view: null }); scrollTo(0, 9999)")
    assert table.get_log("browser") == []


@pytest.mark.parametrize("upsampler", list(UPSAMPLERS))
def test_the_browser_enlarges_as_the_study_does(table, upsampler):
    small = np.random.default_rng(3).integers(0, 256, (13, 17, 3), dtype=np.uint8)
    opaque = np.dstack([small, np.full((13, 17), 255, np.uint8)])
    script = """
    const pixels = { width: 17, height: 13, data: Uint8ClampedArray.from(arguments[0]) };
    return [...enlarged(pixels, 31, 40, arguments[1]).data];
    """
    made = np.array(run(table, script, opaque.ravel().tolist(), upsampler)).reshape(31, 40, 4)[..., :3]
    wanted = UPSAMPLERS[upsampler](small, 31, 40).astype(int)
    assert np.abs(made - wanted).max() <= 1
    assert (made != wanted).mean() < 0.01


def test_a_region_is_enlarged_from_its_own_part(table, page):
    key = run(table, "return table.data.methods.find((each) => each.kind === 'run').key")
    run(
        table,
        """const method = table.state.shown[1].method;
        table.replace(1, shownAt(method, method.last, { upsampler: "bicubic", zoom: method.zooms[0] }));
        table.change({ mode: "flip", front: 1, view: { zoom: 8, x: 12, y: 10 } });""",
    )
    assert key
    wait(table)
    small = file_of(table, page, 1).astype(np.uint8)
    box = run(table, "return table.scores.boxes(table.state.shown[1], table.state.picture, table.state.scope)[0]")
    zoom = run(table, "return table.state.shown[1].zoom")
    part = small[: box["height"] // zoom, : box["width"] // zoom]
    wanted = UPSAMPLERS["bicubic"](np.ascontiguousarray(part), box["height"], box["width"]).astype(int)
    (found,) = pixels(table, [(10.5, 9.5)])
    assert np.abs(np.array(found) - wanted[9, 10]).max() <= 1


def test_where_one_shows_nothing_there_is_no_difference(table):
    script = """
    const [whole, regions] = [20, 10].map((side) => {
      const image = Object.assign(document.createElement("canvas"), { width: 20, height: 20 });
      image.getContext("2d").fillRect(0, 0, side, side);
      return { image, width: 20, height: 20 };
    });
    return [5, 15].map((at) => readPixels(differenceOf(whole, regions).image, at, at, 1, 1).data[3]);
    """
    assert run(table, script) == [255, 0]


def test_what_the_page_does_not_hold_is_read_beside_it_and_said_to_be_missing_elsewhere(table, page, tmp_path):
    text = page.read_text()
    start = text.index('"held":{') + len('"held":')
    data, end = json.JSONDecoder().raw_decode(text, start)
    assert data
    bare = text[:start] + "{}" + text[end:]
    beside, alone = page.with_name("bare.html"), tmp_path / "alone.html"
    beside.write_text(bare)
    alone.write_text(bare)
    try:
        table.get(beside.as_uri())
        wait(table)
        assert run(table, "return table.told.textContent") == ""
        run(table, "table.change({ mode: 'difference' })")
        assert table.get_log("browser") == []
    finally:
        beside.unlink()
    table.get(alone.as_uri())
    wait(table, "table.told.textContent")
    assert "the study's folder is not beside it" in run(table, "return table.told.textContent")
    shutil.copy(page, alone)
    table.get(alone.as_uri())
    wait(table)
    assert run(table, "return table.told.textContent") == ""
    table.get_log("browser")


def test_epochs_play_and_do_not_where_motion_is_not_wanted(table, page):
    epochs = run(table, "return table.state.shown[1].method.epochs")
    run(table, "table.stepEpoch(1)")
    assert run(table, "return table.state.shown[1].epoch") == epochs[0]
    run(table, "table.play()")
    wait(table, f"table.state.shown[1].epoch !== {epochs[0]}")
    run(table, "table.play()")
    media = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    table.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    table.get(page.as_uri())
    wait(table)
    buttons = [each.text for each in table.find_elements(By.CSS_SELECTOR, ".light button")]
    assert "Next epoch" in buttons
    run(table, "table.play()")
    assert run(table, "return [table.state.shown[1].epoch, Boolean(table.playing)]") == [epochs[0], False]


def test_two_studies_lie_on_one_table(browser, page, tmp_path):
    study = page.parent.parent
    shutil.copytree(study.parent / "data", tmp_path / "data")
    other = shutil.copytree(study, tmp_path / "other")
    out = tmp_path / "both.html"
    assert compare.main([str(study), str(other), "--html", str(out)]) == 0
    browser.get_log("browser")
    browser.get(out.as_uri())
    wait(browser)
    shown = run(browser, "return table.state.shown.map((each) => [each.method.study, each.method.kind])")
    assert shown == [[0, "run"], [1, "run"]]
    assert len(set(run(browser, "return table.state.shown.map(shownName)"))) == 2
    run(browser, "table.change({ mode: 'difference', view: { zoom: 4, x: 14, y: 12 } })")
    assert pixels(browser, [(x + 0.5, 9.5) for x in (8, 14, 17)]) == [[0, 0, 0]] * 3
    assert browser.find_elements(By.CSS_SELECTOR, "#settings pre")
    assert browser.get_log("browser") == []


def test_numbers_are_written_as_the_report_writes_them(table):
    values = [31.234, -0.2, 0.004, -0.00041, 0.0001, 1.25e-8, 0.0]
    for metric, signed in (("psnr", False), ("psnr", True), ("ssim", True)):
        script = "return arguments[0].map((value) => numberText(value, arguments[1], arguments[2]))"
        written = run(table, script, values, digits(metric), signed)
        assert written == [number(value, metric, signed) for value in values]
