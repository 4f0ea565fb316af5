"""The style sheet: enough contrast for those who see little, in light and dark."""

import importlib.resources
import re

import pytest

STYLE = (
    importlib.resources.files("maskarc.evaluation.report")
    .joinpath("page.css")
    .read_text(encoding="utf-8")
)


def luminance(colour):
    """Relative luminance by WCAG 2.1."""
    value = 0.0
    for weight, place in ((0.2126, 1), (0.7152, 3), (0.0722, 5)):
        channel = int(colour[place : place + 2], 16) / 255
        is_dark = channel <= 0.03928
        linear = channel / 12.92 if is_dark else ((channel + 0.055) / 1.055) ** 2.4
        value += weight * linear
    return value


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark", "print"])
def test_contrast(theme):
    block = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[theme]
    found = re.findall(r"--([\w]+): (#[0-9a-f]{3,6})", block)
    colours = {
        k: v if len(v) == 7 else "#" + "".join(c * 2 for c in v[1:]) for k, v in found
    }
    assert {"ink", "paper", "c1", "c6"} <= set(colours)
    for name in ("ink", "quiet", "link", "wrong"):
        for ground in ("paper", "card"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    for number in range(1, 7):
        assert contrast(colours[f"c{number}"], colours["paper"]) >= 3, number
