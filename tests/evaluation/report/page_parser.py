"""Reads a page as a strict browser would: nesting, tables, references."""

import html.parser

VOID = {"meta", "img", "br", "hr", "input", "link"}


class Page(html.parser.HTMLParser):
    """Tables, ids, references and text of a page; nesting that is wrong raises."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.references, self.tags = [], [], [], []
        self.tables, self.images, self.headings = {}, [], []
        self._table = self._cell = None
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_startendtag(self, tag, attrs):
        self._note(tag, dict(attrs))

    def handle_starttag(self, tag, attrs):
        self._note(tag, dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def _note(self, tag, attributes):
        self.tags.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        for name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
            if name in attributes:
                self.references.append(attributes[name])
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "img":
            self.images.append(attributes)
        if tag == "table":
            self._table = {"caption": "", "rows": []}
            self.tables[attributes["data-name"]] = self._table
        if tag == "tr":
            self._table["rows"].append([])
        if tag in ("th", "td"):
            self._table["rows"][-1].append("")
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(int(tag[1]))

    def handle_data(self, data):
        if self._table is None:
            return
        if self.open[-1] == "caption":
            self._table["caption"] += data
        elif {"th", "td"} & set(self.open):
            self._table["rows"][-1][-1] += data

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> inside {self.open[-3:]}"
        self.open.pop()
        if tag == "table":
            self._table = None
