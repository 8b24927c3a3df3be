"""The report opened in a real browser: no error, no missing picture, sortable, readable, nothing overflows."""

import pytest

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
for (const text of document.querySelectorAll(".panels svg text")) {
  const box = text.getBoundingClientRect(), frame = text.closest("svg").getBoundingClientRect();
  const sideways = box.left < frame.left - 1.5 || box.right > frame.right + 1.5;
  if (sideways || box.top < frame.top - 1.5 || box.bottom > frame.bottom + 1.5)
    cut.push(`${text.closest("svg").getAttribute("aria-label")}: ${text.textContent.trim()}`);
}
return cut;
"""
OVERLAPS = """
const found = [];
for (const svg of document.querySelectorAll(".panels svg")) {
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


@every_view
def test_the_console_stays_silent_and_no_picture_is_missing(opened):
    assert opened.get_log("browser") == []
    broken = "return [...document.images].filter((i) => !i.complete || !i.naturalWidth).map((i) => i.alt)"
    assert opened.execute_script(broken) == []
    assert opened.execute_script("return document.images.length") > 10
    assert opened.execute_script("return document.querySelectorAll('.panels svg').length") > 20


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
        return [float(row.find_elements(By.TAG_NAME, "td")[column].get_attribute("data-v")) for row in rows]

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
        script = "return getComputedStyle(document.querySelector('.panels svg text')).fill"
        fills[scheme] = browser.execute_script(script)
    assert fills["light"] != fills["dark"]
