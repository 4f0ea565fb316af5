"""The tables of a report: each made once, for the page and for its CSV alike."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

# Shown where there is nothing to tell.
NOTHING = "–"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """A column.

    Attributes:
      key: its name in the files.
      title: its heading on the page.
      nothing: what is shown where there is none.
      form: how its values are shown, a key of `FORMS`. Values of "interval" and
        "difference" are `bootstrap.Interval` as JSON: three columns of a file.
    """

    key: str
    title: str
    form: str = "text"
    nothing: str = NOTHING

    @property
    def is_number(self) -> bool:
        """Whether it is aligned to the right."""
        return self.form != "text"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
      name: of its file.
      caption: one line.
      columns: the first is the row's heading.
      rows: one value a column: text, number, interval as JSON, or None.
      notes: sentences below it.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    notes: tuple[str, ...] = ()

    def shown(self) -> list[list[str]]:
        """The cells as the page has them."""
        return [
            [
                column.nothing if value is None else FORMS[column.form](value)
                for column, value in zip(self.columns, row, strict=True)
            ]
            for row in self.rows
        ]

    def as_text(self) -> str:
        """Heading, rows and notes for a terminal."""
        lines = [[column.title for column in self.columns], *self.shown()]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        aligned = [
            "  ".join(
                cell.rjust(width) if column.is_number else cell.ljust(width)
                for cell, width, column in zip(line, widths, self.columns, strict=True)
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.caption, "", *aligned, "", *self.notes])

    def plain(self) -> tuple[list[str], list[list[Any]]]:
        """Heading and rows of a file, intervals as three columns."""
        head: list[str] = []
        for column in self.columns:
            head.append(column.key)
            if column.form in _INTERVALS:
                head += [f"{column.key}_low", f"{column.key}_high"]
        rows = []
        for row in self.rows:
            cells: list[Any] = []
            for column, value in zip(self.columns, row, strict=True):
                if column.form in _INTERVALS:
                    value = value or {}
                    cells += [value.get(k) for k in ("estimate", "low", "high")]
                else:
                    cells.append(value)
            rows.append(cells)
        return head, rows

    def to_json(self) -> dict[str, Any]:
        """Caption, columns and rows as plain values."""
        head, rows = self.plain()
        return {
            "caption": self.caption,
            "columns": head,
            "rows": rows,
            "notes": list(self.notes),
        }


def percent(value: float) -> str:
    """0.9227 → 92.27; two digits, as 1 pair in 6,000 is 0.017 %."""
    return f"{100 * value:.2f}"


def share(value: float) -> str:
    """0.9227 → 92.3 %, for sentences."""
    return f"{100 * value:.1f} %"


def interval(value: Mapping[str, float | None]) -> str:
    """Percent, with the interval behind it."""
    estimate = percent(_known(value["estimate"]))
    if value["low"] is None or value["high"] is None:
        return estimate
    return f"{estimate} ({percent(value['low'])} to {percent(value['high'])})"


def points(value: float) -> str:
    """Percent points with their sign."""
    text = f"{100 * value:+.2f}"
    return "0.00" if float(text) == 0 else minus(text)


def minus(text: str) -> str:
    """With a true minus, which is as wide as a plus."""
    return text.replace("-", "−")


def difference(value: Mapping[str, float | None]) -> str:
    """Percent points with their sign, and the interval."""
    estimate = points(_known(value["estimate"]))
    if value["low"] is None or value["high"] is None:
        return estimate
    return f"{estimate} ({points(value['low'])} to {points(value['high'])})"


def p_value(value: float) -> str:
    """As it is, or a bound where it is tiny."""
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def _known(value: float | None) -> float:
    return math.nan if value is None else value


_INTERVALS = ("interval", "difference")
FORMS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "count": lambda value: f"{value:,}",
    "percent": percent,
    "points": points,
    "interval": interval,
    "difference": difference,
    "similarity": lambda value: minus(f"{value:.4f}"),
    "p_value": p_value,
}
