"""The public holidays of a country, or of a part of it, as the library `holidays` knows them."""

import difflib
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.days import Span
from schemas.section import Section

_TELLING_YEARS = range(2015, 2041)
"""Whose public holidays tell one calendar from another."""
_NAMED_AT_ONCE = 3

Names = tuple[str, ...]


def misplaced(sentence: str, *place: str | int) -> PydanticCustomError:
    """A fault at a place within what is validated."""
    return PydanticCustomError("misplaced", "{sentence}", {"sentence": sentence, "place": place})


def _text(value: Any) -> Any:
    """A number as text, and a date as it is written: some parts of countries are numbered, and YAML knows dates."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Text = Annotated[str, BeforeValidator(_text)]


class PublicHolidays(Section):
    """Those of a country, or of a part of it, as the library `holidays` knows them."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)

    country: str
    """Its code in ISO 3166, such as DE."""
    subdivision: _Text | None = None
    """A state or province, such as BY."""
    worked: tuple[_Text, ...] = Field((), alias="except")
    """Those on which people work all the same: days, written as in `holidays`, or a holiday's name."""

    @model_validator(mode="after")
    def _there_are_such(self) -> Self:
        from holidays.utils import list_supported_countries

        countries: Mapping[str, Sequence[str]] = list_supported_countries(include_aliases=True)
        if self.country not in countries:
            near = ", ".join(_near_countries(self.country))
            hint = f"near: {near}" if near else "it is a code of ISO 3166, such as DE"
            raise misplaced(f"no country {self.country!r} is known; {hint}", "country")
        parts = countries[self.country]
        if self.subdivision is not None and self.subdivision not in parts:
            there = f"near: {', '.join(_near(self.subdivision, parts))}" if parts else "it has none"
            told = f"{self.country} has no part {self.subdivision!r} with holidays of its own; {there}"
            raise misplaced(told, "subdivision")
        for number, excepted in enumerate(self.worked):
            self._check_exception(number, excepted)
        return self

    def _check_exception(self, number: int, excepted: str) -> None:
        span = _span(excepted)
        if span is None:
            called = (name for year in _TELLING_YEARS for names in self._named(year).values() for name in names)
            known = {name for in_language in called for name in in_language}
            if _plain(excepted) not in map(_plain, known):
                told = f"no public holiday there is called {excepted!r}; near: {', '.join(_near(excepted, known))}"
                raise misplaced(told, "except", number)
            return
        years = {*_TELLING_YEARS, *(day[0] for day in span if not span.yearly)}
        if not any(span.covers(_numbers(day)) for year in years for day in self._named(year)):
            raise misplaced(f"there is no public holiday on {excepted}", "except", number)

    def in_year(self, year: int) -> frozenset[date]:
        """Those days of a year on which nobody works."""
        return _days_off(self.country, self.subdivision, self.worked, year)

    def told_apart_by(self) -> list[str]:
        """The days themselves: another version of the library may know others."""
        return sorted(day.isoformat() for year in _TELLING_YEARS for day in self.in_year(year))

    def _named(self, year: int) -> Mapping[date, Sequence[Names]]:
        return _public_holidays(self.country, self.subdivision, year)


@lru_cache(maxsize=1000)
def _days_off(country: str, subdivision: str | None, worked: Names, year: int) -> frozenset[date]:
    spans = [span for text in worked if (span := _span(text)) is not None]
    names = {_plain(text) for text in worked}
    return frozenset(
        day
        for day, called in _public_holidays(country, subdivision, year).items()
        if not any(span.covers(_numbers(day)) for span in spans)
        and not any(names.issuperset(map(_plain, in_language)) for in_language in called)
    )


@lru_cache(maxsize=1000)
def _public_holidays(country: str, subdivision: str | None, year: int) -> Mapping[date, Sequence[Names]]:
    """Those of a year: what each date's are called, in English and in the country's language."""
    from holidays import country_holidays

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the dates of some are not known yet
        # The language is named: left out, it is that of the machine.
        english = country_holidays(country, subdiv=subdivision, years=year, language="en_US")
        own = country_holidays(country, subdiv=subdivision, years=year, language=english.default_language)
    days = [day for day in english if day.year == year]
    return {day: (tuple(english.get_list(day)), tuple(own.get_list(day))) for day in days}


def _plain(name: str) -> str:
    """A name without what stands behind it, such as (observed)."""
    return re.sub(r"(\s*\([^()]*\))+$", "", name).strip().casefold()


def _span(text: str) -> Span | None:
    """The days that ``text`` says; None where it is a name."""
    if not re.match(r"\d", text):
        return None
    try:
        return Span.read(text)
    except ValueError:
        return None


def _numbers(day: date) -> tuple[int, int, int]:
    return day.year, day.month, day.day


def _near(text: str, names: Iterable[str]) -> list[str]:
    by_plain = {_plain(name): name for name in sorted(names)}
    near = difflib.get_close_matches(_plain(text), by_plain, n=_NAMED_AT_ONCE, cutoff=0.5)
    return [by_plain[name] for name in near] or sorted(by_plain.values())[:20]


def _near_countries(text: str) -> list[str]:
    """Codes like ``text``, or else those of the countries whose names are like it."""
    from holidays.registry import COUNTRIES

    codes = {names[1]: names[0] for names in COUNTRIES.values()}
    if text.upper() in codes:
        return [text.upper()]
    names = {name.casefold(): code for code, name in codes.items()}
    named = difflib.get_close_matches(text.replace(" ", "").casefold(), names, n=_NAMED_AT_ONCE)
    near = difflib.get_close_matches(text.upper(), codes, n=_NAMED_AT_ONCE, cutoff=0.5)
    return [f"{code} ({codes[code]})" for code in ([names[name] for name in named] or near)]
