"""Drawings as inline SVG: made as XML, never as text, so that no name in them becomes markup."""

from xml.etree import ElementTree

from markupsafe import Markup

from srcnn.words import printable

SVG = "http://www.w3.org/2000/svg"

ElementTree.register_namespace("", SVG)


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


def _plain(attributes: dict[str, object]) -> dict[str, str]:
    return {name.replace("_", "-"): str(value) for name, value in attributes.items()}


def _said(alt: str) -> dict[str, str]:
    return {"role": "img", "aria-label": printable(alt)}
