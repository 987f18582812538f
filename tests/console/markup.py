"""A page as a browser reads it: its elements with their attributes, and which stand inside which."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "input", "br", "rect"})


@dataclass(frozen=True)
class Element:
    """An element; `inside` are the ids of what it stands in, the outermost first."""

    tag: str
    attributes: dict[str, str]
    inside: tuple[str, ...]

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def __contains__(self, name: str) -> bool:
        return name in self.attributes


class Markup(HTMLParser):
    """The elements of a page, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        found = {name: value or "" for name, value in attrs}
        self.elements.append(Element(tag, found, tuple(id for _, id in self._open if id)))
        if tag not in VOID:
            self._open.append((tag, found.get("id", "")))

    def handle_endtag(self, tag: str) -> None:
        """The innermost open element of this tag ends."""
        while self._open and self._open.pop()[0] != tag:
            pass

    def having(self, attribute: str) -> list[Element]:
        """The elements that have an attribute."""
        return [one for one in self.elements if attribute in one]

    def tagged(self, tag: str) -> list[Element]:
        """The elements of a tag."""
        return [one for one in self.elements if one.tag == tag]

    def by(self, id: str) -> Element:
        """The one element of this id."""
        (found,) = [one for one in self.having("id") if one["id"] == id]
        return found

    @property
    def asks_with(self) -> dict[str, str]:
        """The headers with which this page asks for a part of itself, as htmx sends them."""
        (body,) = self.tagged("body")
        return {"hx-request": "true", "accept": "*/*", **json.loads(body["hx-headers"])}
