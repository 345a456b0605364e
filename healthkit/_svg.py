"""The few elements of SVG that pictures need, and their style sheet.

Everything is written by the standard library's XML, which escapes; what XML can't hold at all
(control characters in a message) is replaced first. A picture has no ids and one prefix for its
classes, so that several of them may stand in one page.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET  # nothing is parsed here, only written

#: What no XML document may hold, escaped or not.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

#: The mean width of a character of the small texts (11 px), in pixels, for a common sans-serif.
CHARACTER: Final = 6.1

FONT: Final = "-apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif"

#: Colours are Okabe and Ito's, which people with any colour vision tell apart; and nothing is said
#: by colour alone: successes stand above their line, failures are crosses below it, states differ
#: by their pattern and have their name in them where there is room.
STYLE: Final = f"""
.hk-bg {{ fill: #ffffff; }}
.hk-text {{ fill: #1f2328; font: 11px {FONT}; }}
.hk-title {{ fill: #1f2328; font: 600 16px {FONT}; }}
.hk-name {{ fill: #1f2328; font: 600 12px {FONT}; }}
.hk-dim {{ fill: #59636e; font: 11px {FONT}; }}
.hk-on-dark {{ fill: #ffffff; font: 600 11px {FONT}; }}
.hk-on-light {{ fill: #1f2328; font: 600 11px {FONT}; }}
.hk-grid {{ stroke: #dde3e9; stroke-width: 1; }}
.hk-base {{ stroke: #c5ccd3; stroke-width: 1; }}
.hk-lead {{ stroke: #59636e; stroke-width: 1; }}
.hk-break {{ fill: #eef1f4; }}
.hk-stripes {{ stroke: #ffffff; stroke-opacity: 0.45; fill: none; }}
.hk-waiting, .hk-over {{ fill: none; stroke: #8c959f; stroke-dasharray: 3 3; }}
.hk-booting {{ fill: #56b4e9; }}
.hk-unready {{ fill: #f0e442; stroke: #8a8000; }}
.hk-ready {{ fill: #007f5c; }}
.hk-ending {{ fill: #e69f00; }}
.hk-backoff {{ fill: none; stroke: #c44f00; stroke-width: 2; stroke-dasharray: 7 3; }}
.hk-in {{ fill: #0072b2; }}
.hk-leaving {{ fill: #0072b2; fill-opacity: 0.15; stroke: #0072b2; stroke-width: 1.5; }}
.hk-out {{ stroke: #8c959f; stroke-width: 2; stroke-dasharray: 2 4; }}
.hk-hook {{ fill: #cc79a7; fill-opacity: 0.3; stroke: #a8447c; }}
.hk-grace {{ stroke: #59636e; stroke-width: 1.5; fill: none; }}
.hk-good {{ stroke: #007f5c; stroke-width: 2; fill: none; }}
.hk-many {{ fill: #007f5c; }}
.hk-warned {{ stroke: #9a6700; stroke-width: 1.5; fill: none; }}
.hk-bad {{ stroke: #c44f00; stroke-width: 2; fill: none; }}
.hk-bads {{ fill: #c44f00; }}
.hk-thrown {{ stroke: #6e7781; stroke-width: 1.3; fill: none; }}
.hk-signal {{ fill: #1f2328; }}
.hk-kill {{ stroke: #c44f00; stroke-width: 3; fill: none; }}
.hk-flight {{ fill: #56b4e9; fill-opacity: 0.55; stroke: #0072b2; }}
.hk-lost {{ stroke: #c44f00; stroke-width: 2.4; fill: none; }}
@media (prefers-color-scheme: dark) {{
.hk-bg {{ fill: #0d1117; }}
.hk-text, .hk-title, .hk-name {{ fill: #e6edf3; }}
.hk-dim {{ fill: #9198a1; }}
.hk-grid {{ stroke: #262c34; }}
.hk-base {{ stroke: #3d444d; }}
.hk-lead, .hk-grace {{ stroke: #9198a1; }}
.hk-break {{ fill: #1a2029; }}
.hk-stripes {{ stroke: #0d1117; }}
.hk-ready {{ fill: #00a67a; }}
.hk-in {{ fill: #2f8fd0; }}
.hk-leaving {{ fill: #56b4e9; fill-opacity: 0.15; stroke: #56b4e9; }}
.hk-hook {{ stroke: #e29bc3; }}
.hk-good {{ stroke: #1fc998; }}
.hk-many {{ fill: #1fc998; }}
.hk-warned {{ stroke: #e0b040; }}
.hk-backoff, .hk-bad, .hk-kill, .hk-lost {{ stroke: #ff8a45; }}
.hk-bads {{ fill: #ff8a45; }}
.hk-thrown {{ stroke: #9198a1; }}
.hk-signal {{ fill: #e6edf3; }}
.hk-flight {{ fill-opacity: 0.4; stroke: #56b4e9; }}
}}
"""


class Element:
    """An element that is being written. Numbers are rounded to a tenth of a pixel."""

    def __init__(self, element: ET.Element) -> None:
        self._element = element

    def add(self, tag: str, css: str = "", /, **attributes: float | str) -> Element:
        """Put one more element into this one, and return it.

        Args:
            tag: its name.
            css: its class, without the prefix.
            attributes: its others; an underscore is a dash.
        """
        named = {"class": f"hk-{css}"} if css else {}
        named |= {name.replace("_", "-"): number(value) for name, value in attributes.items()}
        return Element(ET.SubElement(self._element, tag, named))

    def say(self, text: str) -> Element:
        """Set the text that it holds."""
        self._element.text = _FORBIDDEN.sub("\ufffd", text)
        return self

    def text(self, css: str, x: float, y: float, text: str, anchor: str = "start") -> None:
        """Write text; `y` is its base line."""
        at: dict[str, float | str] = {"x": x, "y": y}
        if anchor != "start":
            at["text_anchor"] = anchor
        self.add("text", css, **at).say(text)

    def line(self, css: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a line."""
        self.add("line", css, x1=start[0], y1=start[1], x2=end[0], y2=end[1])

    def box(self, css: str, x: float, y: float, width: float, height: float) -> Element:
        """Draw a rectangle, at least half a pixel wide: what was short was there too."""
        return self.add("rect", css, x=x, y=y, width=max(width, 0.5), height=height)

    def group(self, y: float, tip: str = "") -> Element:
        """Begin a group that is moved down; `tip` is shown where the pointer rests on it."""
        made = self.add("g", transform=f"translate(0 {number(y)})") if y else self.add("g")
        if tip:
            made.add("title").say(tip)
        return made


def number(value: float | str) -> str:
    """Write a coordinate in as few characters as it needs."""
    return value if isinstance(value, str) else f"{round(value, 1) + 0.0:g}"


def document(
    width: float, height: float, title: str, description: str
) -> tuple[Element, ET.Element]:
    """Begin a picture; return it for drawing, and for `written`."""
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "role": "img",
            "width": number(width),
            "height": number(height),
            "viewBox": f"0 0 {number(width)} {number(height)}",
        },
    )
    svg = Element(root)
    svg.add("title").say(title)
    svg.add("desc").say(description)
    svg.add("style").say(STYLE)
    svg.box("bg", 0, 0, width, height)
    return svg, root


def written(root: ET.Element) -> str:
    """Return the document as text, an element a line."""
    ET.indent(root, "")
    return f"{ET.tostring(root, encoding='unicode')}\n"
