"""The report opened in a real browser: no error, no missing picture, sortable, readable, nothing overflows."""

import pytest
from selenium.webdriver.support.wait import WebDriverWait

WIDTHS, SCHEMES = (400, 1400), ("light", "dark")

# Contrast as WCAG 2.2 computes it, of every element that holds text, against what lies behind it.
CONTRAST = """
const channel = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
const parse = (text) => { const p = text.match(/[\\d.]+/g).map(Number); return p.length < 4 ? [...p, 1] : p; };
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour[3] > 0) return colour;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0, 1] : [255, 255, 255, 1];
};
const poor = [];
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || element.closest("script, style") || element.getAttribute("paint-order")) continue;
  if (element.closest('[aria-label^="Rank correlation"]')) continue;  // numbers on coloured cells: checked apart
  const style = getComputedStyle(element);
  const svg = element instanceof SVGElement;
  const [a, b] = [luminance(parse(svg ? style.fill : style.color)), luminance(behind(element))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) poor.push(`${element.tagName} ${element.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
}
return [...new Set(poor)];
"""
# What sticks out of the window, unless it lies in a box of its own that scrolls.
OVERFLOW = """
const out = [];
if (document.documentElement.scrollWidth > innerWidth) out.push("the page scrolls sideways");
for (const element of document.querySelectorAll("body *:not(svg *)")) {
  const box = element.getBoundingClientRect();
  if (box.width && box.right > innerWidth + 1 && !element.parentElement.closest(".scroll"))
    out.push(`${element.tagName}.${element.className} ends at ${box.right}`);
}
return out;
"""
CLIPPED = """
const cut = [];
for (const text of document.querySelectorAll(".chart svg text")) {
  const box = text.getBoundingClientRect(), frame = text.closest("svg").getBoundingClientRect();
  const sideways = box.left < frame.left - 1.5 || box.right > frame.right + 1.5;
  if (sideways || box.top < frame.top - 1.5 || box.bottom > frame.bottom + 1.5)
    cut.push(`${text.closest("svg").getAttribute("aria-label")}: ${text.textContent.trim()}`);
}
return cut;
"""
OVERLAPS = """
const found = [];
for (const svg of document.querySelectorAll(".chart svg")) {
  const name = svg.getAttribute("aria-label");
  if (name.startsWith("Rank")) continue;  // slanted labels: their boxes meet, their letters do not
  const boxes = [...svg.querySelectorAll("text")].map((t) => [t.textContent.trim(), t.getBoundingClientRect()]);
  for (let i = 0; i < boxes.length; i++) for (let j = 0; j < i; j++) {
    const [a, b] = [boxes[i][1], boxes[j][1]];
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1.5 && high > 3) found.push(`${name}: ${boxes[i][0]} / ${boxes[j][0]}`);
  }
}
return found;
"""


every_view = pytest.mark.parametrize("opened", [(w, s) for w in WIDTHS for s in SCHEMES], indirect=True)


@pytest.fixture(autouse=True)
def drawn(opened):
    """All figures, which are drawn when they come into view, otherwise."""
    opened.execute_script("figures.drawAll()")


@every_view
def test_the_console_stays_silent_and_no_picture_is_missing(opened):
    assert opened.get_log("browser") == []
    broken = "return [...document.images].filter((i) => !i.complete || !i.naturalWidth).map((i) => i.alt)"
    assert opened.execute_script(broken) == []
    assert opened.execute_script("return document.images.length") > 10
    assert opened.execute_script("return document.querySelectorAll('.chart svg').length") > 20


@every_view
def test_all_text_is_readable(opened):
    assert opened.execute_script(CONTRAST) == []


@every_view
def test_nothing_sticks_out_of_the_window(opened):
    assert opened.execute_script(OVERFLOW) == []


@every_view
def test_no_text_of_a_figure_is_cut_off_or_lies_on_another(opened):
    assert opened.execute_script(CLIPPED) == []
    assert opened.execute_script(OVERLAPS) == []


def test_tables_sort_by_the_head_that_is_clicked(opened):
    from selenium.webdriver.common.by import By

    table = opened.find_element(By.CSS_SELECTOR, "table[data-name=compound-gain]")
    head = next(b for b in table.find_elements(By.CSS_SELECTOR, "th button") if "PSNR" in b.text)
    column = table.find_elements(By.CSS_SELECTOR, "th button").index(head)

    def values():
        rows = table.find_elements(By.CSS_SELECTOR, "tbody tr")
        return [float(row.find_elements(By.TAG_NAME, "td")[column].text) for row in rows]

    before = values()
    opened.execute_script("arguments[0].click()", head)
    assert values() == sorted(before) != before
    opened.execute_script("arguments[0].click()", head)
    assert values() == sorted(before, reverse=True)
    words = table.find_elements(By.CSS_SELECTOR, "th button")[2]
    opened.execute_script("arguments[0].click()", words)
    names = [row.find_elements(By.TAG_NAME, "td")[2].text for row in table.find_elements(By.CSS_SELECTOR, "tbody tr")]
    assert names == sorted(names)


def test_figures_take_the_colour_of_the_scheme(browser, page):
    fills = {}
    for scheme in SCHEMES:
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.get(page.as_uri())
        browser.execute_script("figures.drawAll()")
        script = "return getComputedStyle(document.querySelector('.chart svg text')).fill"
        fills[scheme] = browser.execute_script(script)
    assert fills["light"] != fills["dark"]


FIRST = "const chart = figures.charts.find((each) => each.panel.x.label === 'epoch');"


def test_a_figure_tells_the_values_under_the_pointer(opened):
    told = opened.execute_script(
        FIRST + "chart.box.scrollIntoView(); const frame = chart.box.getBoundingClientRect();"
        "const at = { clientX: frame.left + chart.px(2), clientY: frame.top + 80, bubbles: true };"
        "chart.box.dispatchEvent(new PointerEvent('pointermove', at));"
        "const { textContent, hidden } = figures.tip;"
        "return [textContent, hidden, chart.shown.map((each) => [each.kind, each.name, each.y])];"
    )
    assert told[0].startswith("epoch 2")
    assert not told[1]
    for kind, name, values in told[2]:
        value = values[0] if kind == "level" else values[1]
        assert f"{name} {value:.5g}" in told[0].replace("−", "-")


def test_the_legend_switches_a_run_off_in_all_figures_and_shows_it_alone(opened):
    runs = opened.execute_script("return [...document.querySelectorAll('.runs [data-key]')].map((b) => b.dataset.key)")
    press = 'document.querySelector(`.runs [data-key="${arguments[0]}"]`).dispatchEvent(new MouseEvent(arguments[1]));'
    there = "return [...new Set(figures.charts.flatMap((each) => each.shown).map((each) => each.name))]"
    everything = set(opened.execute_script(there))
    assert everything >= set(runs)
    assert set(opened.execute_script(press + there, runs[0], "click")) == everything - {runs[0]}
    alone = set(opened.execute_script(press + there, runs[1], "dblclick"))
    assert alone & set(runs) == {runs[1]}
    back = "document.querySelector('.runs [data-all=on]').click();"
    assert set(opened.execute_script(back + there)) == everything


def test_an_axis_becomes_logarithmic_and_linear_again(opened):
    button = "document.querySelector('[data-log=y][data-figure=loss]').click();"
    seen = "return figures.charts.filter((each) => each.panel.title === 'training loss').map((each) => each.y.log)"
    assert opened.execute_script(seen) == [True]
    assert opened.execute_script(button + seen) == [False]
    assert opened.execute_script(button + seen) == [True]


ROWS = """
const table = document.querySelector(`table[data-name=${arguments[0]}]`);
const rows = () => [...table.tBodies[0].rows].map((row) => row.textContent);
const tools = table.parentElement.previousElementSibling, more = table.parentElement.nextElementSibling;
"""


def test_a_long_table_is_folded_until_its_button_is_pressed(opened):
    folded = opened.execute_script(ROWS + "return rows()", "common")
    everything = opened.execute_script(ROWS + "more.click(); return rows()", "common")
    assert len(folded) == 12 < len(everything)
    assert folded == everything[:12]


def test_the_rows_of_a_table_are_filtered_and_grouped(opened):
    everything = opened.execute_script(ROWS + "return rows()", "compound")
    words = ROWS + "const box = tools.querySelector('input'); box.value = arguments[1];"
    words += "box.dispatchEvent(new Event('input')); return rows()"
    wanted = [text for text in everything if "evals" in text and "nearest" in text]
    assert 0 < len(wanted) < len(everything)
    assert opened.execute_script(words, "compound", "evals Nearest") == wanted
    opened.execute_script(words, "compound", "")
    group = ROWS + "const by = tools.querySelector('select'); by.selectedIndex = 1;"
    group += "by.dispatchEvent(new Event('change')); return rows()"
    heads = [text for text in opened.execute_script(group, "compound") if text.startswith("set: ")]
    assert heads == ["set: tests", "set: evals"]


def test_the_same_numbers_have_the_same_ticks_on_the_page_and_in_files(opened):
    from analysis.charts import Axis, ticks

    for axis, low, high in (
        (Axis(""), 28.31, 30.02),
        (Axis("", whole=True), 0.6, 8.4),
        (Axis("", log=True), 0.02, 900.0),
        (Axis("", log=True), 0.0021, 0.0026),
        (Axis("", power=-8), 1.1e-8, 3.4e-8),
        (Axis("", names=["a", "b"]), -0.5, 1.5),
    ):
        shown = {"log": axis.log, "whole": axis.whole, "power": axis.power, "names": axis.names or None}
        found = opened.execute_script("return figures.ticks(...arguments)", shown, low, high, 5)
        assert [[pytest.approx(value), text] for value, text in ticks(axis, low, high)] == found


def test_an_opened_page_tells_when_its_study_has_got_further(browser, page, opened):
    note = "return document.querySelector('.older').hidden"
    assert opened.execute_script(note)
    script = page.with_name("changed.js")
    before = script.read_text()
    try:
        script.write_text("studyChanged(9e12);\n")
        opened.get(page.as_uri())
        WebDriverWait(opened, 30).until(lambda seen: not seen.execute_script(note))
        assert opened.get_log("browser") == []
        assert "python -m analysis.report" in opened.execute_script("return document.querySelector('.older').innerText")
    finally:
        script.write_text(before)
