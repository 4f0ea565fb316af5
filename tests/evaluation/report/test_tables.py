"""How values are shown."""

import pytest

from maskarc.evaluation.report import tables


def known(estimate, low, high):
    return {"estimate": estimate, "low": low, "high": high}


@pytest.mark.parametrize(
    ("form", "value", "shown"),
    [
        ("percent", 0.92271, "92.27"),
        ("points", -0.00001, "0.00"),
        ("points", -0.0123, "−1.23"),
        ("interval", known(0.5, 0.25, 1.0), "50.00 (25.00 to 100.00)"),
        ("interval", known(1.0, None, None), "100.00"),
        ("difference", known(0.1, -0.1, 0.2), "+10.00 (−10.00 to +20.00)"),
        ("count", 12345, "12,345"),
        ("p_value", 0.00001, "< 0.0001"),
        ("p_value", 0.5, "0.5000"),
    ],
)
def test_forms(form, value, shown):
    assert tables.FORMS[form](value) == shown


def test_text_is_aligned():
    table = tables.Table(
        name="t",
        caption="Caption",
        columns=(
            tables.Column(key="a", title="A"),
            tables.Column(key="b", title="B", form="count"),
        ),
        rows=(("long name", 1), ("x", None)),
        notes=("Note.",),
    )
    assert table.as_text().splitlines() == [
        "Caption",
        "",
        "A          B",
        "long name  1",
        "x          –",
        "",
        "Note.",
    ]
