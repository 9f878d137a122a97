"""HTML and SVG as trees, so that no text can become markup: ElementTree escapes it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

__all__ = ["Child", "element", "to_html"]

Child = ET.Element | str


def element(tag: str, *children: Child | None, **attributes: str | float | None) -> ET.Element:
    """An element. In a name ``_`` stands for ``-``, and one at the end is dropped (``class_``).

    Attributes and children that are None are left out; coordinates are rounded to a tenth.
    """
    made = ET.Element(
        tag,
        {
            name.rstrip("_").replace("_", "-"): _attribute(value)
            for name, value in attributes.items()
            if value is not None
        },
    )
    for child in children:
        if isinstance(child, ET.Element):
            made.append(child)
        elif child is not None and len(made):
            made[-1].tail = (made[-1].tail or "") + child
        elif child is not None:
            made.text = (made.text or "") + child
    return made


def to_html(tree: ET.Element) -> str:
    """Its HTML. The text of ``script`` and ``style`` is left as it is."""
    return ET.tostring(tree, encoding="unicode", method="html")


def _attribute(value: str | float) -> str:
    return value if isinstance(value, str) else f"{round(value, 1):g}"
