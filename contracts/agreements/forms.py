"""How dates, times and durations are written in agreement files: stricter than what pydantic would understand."""

from __future__ import annotations

FORMS = {
    "date": r"^\d{4}-\d{2}-\d{2}$",
    "duration": r"^P(?=[\dT])(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?$",
    "time": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$",
}
"""By the format of JSON Schema. A time of day is local and names no zone; a duration is never negative."""
