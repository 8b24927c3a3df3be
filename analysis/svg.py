"""Drawings as inline SVG: made and rewritten as XML, never as text, so that no name in them becomes markup.

The page's policy forbids style attributes: their declarations are attributes of their own.
"""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from markupsafe import Markup

from srcnn.words import printable

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_HREF = f"{{{XLINK}}}href"
# From matplotlib's style sheet, which the page's policy forbids too; all elements inherit them.
_LINES = {"stroke-linejoin": "round", "stroke-linecap": "butt"}
_FONT = re.compile(r"(?:(bold|\d{3}) )?([\d.]+px)")

ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", XLINK)


def drawing(width: float, height: float, alt: str) -> ElementTree.Element:
    """Return an empty drawing of this size; ``alt`` says what it shows, and is empty for an ornament."""
    said = _said(alt) if alt else {"aria-hidden": "true"}
    return ElementTree.Element(f"{{{SVG}}}svg", {"viewBox": f"0 0 {width:g} {height:g}"} | said)


def add(parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: object) -> ElementTree.Element:
    """Add an element to another and return it; ``stroke_width=2`` is the attribute ``stroke-width``."""
    element = ElementTree.SubElement(parent, f"{{{SVG}}}{tag}", _plain(attributes))
    element.text = None if text is None else printable(text)
    return element


def to_page(root: ElementTree.Element) -> Markup:
    """Return the drawing as text that stands inside a page."""
    return Markup(ElementTree.tostring(root, "unicode"))


def from_matplotlib(text: str, alt: str, ink: str) -> Markup:
    """Return a figure of matplotlib's for a page, from which it takes the ink and the font's family."""
    root = ElementTree.fromstring(text)
    _drop_unwanted(root)
    for element in root.iter():
        # Matplotlib numbers its groups from 1 in every figure: an id may be used once in a page.
        if re.fullmatch(r"[a-z0-9]+_\d+", element.get("id", "")):
            del element.attrib["id"]
        element.attrib |= dict(_presentation(element.attrib.pop("style", "")))
        for name, value in element.attrib.items():
            if value == ink:
                element.set(name, "currentColor")
        if _HREF in element.attrib:
            element.set(_HREF, "".join(element.attrib[_HREF].split()))
        element.tail = "\n"
        element.text = element.text if element.text and element.text.strip() else None
    root.attrib = {"viewBox": root.attrib["viewBox"], **_said(alt), **_LINES}
    root.tail = None
    return to_page(root)


def _drop_unwanted(parent: ElementTree.Element) -> None:
    for child in list(parent):
        if child.tag.rpartition("}")[2] in ("metadata", "style"):
            parent.remove(child)
        else:
            _drop_unwanted(child)


def _presentation(style: str) -> Iterator[tuple[str, str]]:
    """Give the declarations of a style attribute as attributes; drop the font's family, which is the page's."""
    for declaration in filter(None, (part.strip() for part in style.split(";"))):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font" and (font := _FONT.match(value)):
            yield "font-size", font[2]
            if font[1]:
                yield "font-weight", font[1]
        elif name not in ("font", "font-family"):
            yield name, value


def _plain(attributes: dict[str, object]) -> dict[str, str]:
    return {name.replace("_", "-"): str(value) for name, value in attributes.items()}


def _said(alt: str) -> dict[str, str]:
    return {"role": "img", "aria-label": printable(alt)}
