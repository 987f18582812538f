"""Seeds a year of a calendar from the `chinesecalendar` package; used to make data, never to run on."""

from __future__ import annotations

from contracts.agreements.calendar import Year
from contracts.agreements.days import UnknownYear


def year_from_chinesecalendar(year: int) -> Year:
    """The year's days off (weekend days inside a festival included) and worked weekends.

    UnknownYear where the installed package does not know the year (it follows the State Council's notices).
    """
    from chinese_calendar import constants

    holidays = tuple(sorted(day for day in constants.holidays if day.year == year))
    if not holidays:
        raise UnknownYear("chinesecalendar", year)
    return Year(holidays=holidays, makeup_workdays=tuple(sorted(day for day in constants.workdays if day.year == year)))
