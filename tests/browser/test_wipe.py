"""The wipe between two pictures: what lies on which side of its line, whatever moves it."""

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from analysis.pictures import data_uri

RED, BLUE = (200, 30, 30), (30, 30, 200)


@pytest.fixture
def wiped(opened):
    """A wipe from a red picture to a blue one of a third of the size, which is stretched."""
    red, blue = (
        np.full((height, width, 3), colour, np.uint8) for height, width, colour in ((60, 90, RED), (20, 30, BLUE))
    )
    opened.execute_script(
        """
        const place = document.createElement("div");
        document.querySelector("h1").before(place);
        const [red, blue] = arguments;
        window.made = wipe(place, { image: red, name: "red" }, { image: blue, name: "blue" });
        scrollTo(0, 0);
        """,
        data_uri(red),
        data_uri(blue),
    )
    canvas = opened.find_element(By.CSS_SELECTOR, ".wipe-picture")
    opened.execute_async_script("setTimeout(arguments[0], 200)")
    return opened, canvas


def colours(browser, *shares):
    """The colours in the lower part of the picture, at shares of its width."""
    script = """
    const canvas = document.querySelector(".wipe-picture"), y = Math.floor(canvas.height * 0.9);
    return arguments[0].map((share) =>
      [...readPixels(canvas, Math.floor(share * (canvas.width - 1)), y, 1, 1).data].slice(0, 3));
    """
    return [tuple(colour) for colour in browser.execute_script(script, list(shares))]


def test_the_left_picture_ends_where_the_right_one_begins(wiped):
    browser, canvas = wiped
    assert colours(browser, 0.0, 0.45, 0.55, 1.0) == [RED, RED, BLUE, BLUE]
    browser.execute_script("made.set(0.2)")
    assert colours(browser, 0.1, 0.3) == [RED, BLUE]
    assert canvas.size["width"] / canvas.size["height"] == pytest.approx(1.5, abs=0.02)


def test_the_line_follows_the_pointer_and_the_keys(wiped):
    browser, canvas = wiped
    width = canvas.size["width"]
    ActionChains(browser).move_to_element_with_offset(canvas, 0, 0).click_and_hold().move_by_offset(
        round(0.3 * width), 0
    ).release().perform()
    assert colours(browser, 0.75, 0.85) == [RED, BLUE]
    slider = browser.find_element(By.CSS_SELECTOR, ".wipe-slider")
    assert "red" in slider.get_attribute("aria-label")
    slider.send_keys(Keys.HOME)
    assert colours(browser, 0.1) == [BLUE]
    slider.send_keys(Keys.END)
    assert colours(browser, 0.9) == [RED]
