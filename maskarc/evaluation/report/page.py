"""The page: sections filled into its template, everything inside one file."""

import dataclasses
import importlib.resources
import itertools
from collections.abc import Sequence
from typing import Any

from maskarc import extras
from maskarc.evaluation.report import charts as chart_lib
from maskarc.evaluation.report import pictures as picture_lib
from maskarc.evaluation.report import tables as table_lib
from maskarc.evaluation.report import words

with extras.needed("train"):
    import jinja2

# Longer tables are folded up.
LONG = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page: a run, or a comparison.

    Attributes:
      anchor: its address on the page.
      title: its heading.
      prefix: of its tables' names, where there are several sections with the same.
      headlines: figures at its top.
      findings: sentences.
      charts: of its data.
      tables: of its data.
      pictures: of the worst pairs.
      picture_table: the same pairs as a table.
      about: how it was made.
    """

    anchor: str
    title: str
    prefix: str = ""
    headlines: Sequence[words.Headline] = ()
    findings: Sequence[str] = ()
    charts: Sequence[chart_lib.Chart] = ()
    tables: Sequence[table_lib.Table] = ()
    pictures: Sequence[picture_lib.Picture] = ()
    picture_table: table_lib.Table | None = None
    about: table_lib.Table | None = None

    def all_tables(self) -> list[table_lib.Table]:
        """The tables in the order of the page."""
        last = (self.picture_table, self.about)
        return [*self.tables, *(table for table in last if table is not None)]

    def galleries(self) -> list[tuple[str, list[picture_lib.Picture]]]:
        """The pictures by what they show, under a heading each."""
        return [
            (f"{condition}: {_KINDS[is_same]}", list(found))
            for (condition, is_same), found in itertools.groupby(
                self.pictures, lambda p: (p.pair.condition, p.pair.is_same)
            )
        ]


_KINDS = {False: "different people, most alike", True: "same person, least alike"}


def render(title: str, sections: Sequence[Section], made: dict[str, Any]) -> str:
    """The page as text. Names and settings come from files of others: all are escaped.

    Args:
      title: of the page.
      sections: its parts.
      made: `provenance.provenance` of the page itself.
    """
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.from_string(_read("page.html"))
    return template.render(
        title=title,
        sections=sections,
        made=made,
        long=LONG,
        minus=table_lib.minus,
        style=_read("page.css"),
    )


def _read(name: str) -> str:
    folder = importlib.resources.files("maskarc.evaluation.report")
    return folder.joinpath(name).read_text(encoding="utf-8")
