"""A page as a reader of HTML takes it apart."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Elements that are open, those that were closed by another's end, and what the page refers to."""

    EMPTY = frozenset({"meta", "link", "img", "br", "hr", "input", "col", "wbr"})

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.crossed: list[tuple[str, str]] = []
        self.links: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.links += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        if (last := self.open.pop() if self.open else "nothing") != tag:
            self.crossed.append((last, tag))
