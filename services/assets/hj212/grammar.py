"""The forms an HJ 212 data segment may have (HJ 212-2017 tables 2-5 and 8; field practice in standards.md 1.12).

The CRC lets one damaged frame in 256 pass, so what stands between the marks must also read like a data segment.
Every check raises `Malformed` with the field's name; none looks at ranges, known stations or known codes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from services.assets.hj212.walltime import wall_time

Form = Callable[[str], object]
Fields = Mapping[str, Mapping[str, str]]


class Malformed(ValueError):
    """A data segment that cannot be believed. `field` is the name in the segment, such as `DataTime`."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field


NUMERIC_SUFFIXES = frozenset(
    {"rtd", "min", "avg", "max", "zsrtd", "zsmin", "zsavg", "zsmax", "cou", "rt", "td"}
    | {"daydata", "nightdata", "upvalue", "lowvalue"}
)
FLAG_SUFFIXES = frozenset({"flag", "eflag"})
SUFFIXES = NUMERIC_SUFFIXES | FLAG_SUFFIXES | {"sampletime", "rs", "info", "sn", "ala"}
_HEAD_FORMS = {
    "QN": r"[0-9]{14}(?:[0-9]{3})?",
    "ST": r"[0-9A-Z]{2}",
    "CN": r"[0-9]{4}",
    "PW": r"[!-+\--:<-~]{0,24}",
    "MN": r"[0-9A-Za-z_.-]{1,32}",
    "Flag": r"[0-9]{0,3}",
    "PNUM": r"[0-9]{1,8}",
    "PNO": r"[0-9]{1,8}",
    "RF": r"[0-9]?",
}
HEAD_NAMES = tuple(_HEAD_FORMS)
HEAD_CHECKS: Mapping[str, Form] = {name: re.compile(form).fullmatch for name, form in _HEAD_FORMS.items()}
# The head as the standard writes it, in one go; any other spelling is read field by field.
STANDARD_HEAD = re.compile("".join(f"(?:{name}=(?P<{name}>{form});)?" for name, form in _HEAD_FORMS.items()))
# Names of table 4 that stand without a suffix and hold any text.
BARE_NAMES = frozenset(
    {
        "DataTime",
        "SystemTime",
        "QnRtn",
        "ExeRtn",
        "RtdInterval",
        "MinInterval",
        "RestartTime",
        "PolId",
        "BeginTime",
        "EndTime",
    }
    | {"NewPW", "OverTime", "ReCount", "VaseNo", "CstartTime", "Ctime", "Stime", "InfoId"}
)
NEW_PASSWORD = "NewPW"
"""A secret in CP: under this name, however it is written."""
UPLOADS = frozenset({"2011", "2031", "2051", "2061"})
AHEAD_OF_QN = timedelta(days=1)

_NUMBER = re.compile(
    r"[+-]?+(?:[0-9]{1,15}+(?:\.[0-9]{0,9}+)?+|\.[0-9]{1,9}+)(?:[eE][+-]?+[0-9]{1,2}+)?+"
    r"||-{1,3}|/|\*|N/?A|[Nn][Aa][Nn]|[Nn]ull|NULL|None"
)


def _is_number(text: str) -> bool:
    # Nearly all are plain decimals, which need no pattern (it takes three times as long).
    plain = len(text) <= 15 and text.isascii() and text.replace(".", "", 1).isdecimal()
    return plain or _NUMBER.fullmatch(text) is not None


_FLAG = re.compile(r"[0-9A-Za-z]{0,4}")
_CODE = re.compile(r"[0-9A-Za-z_.]{1,24}")
_READABLE = bytes(byte for byte in range(0x20, 0x100) if byte != 0x7F)

# Under an unknown name a hyphen is a sign or damage: "a21005-Rtd=1.1" may have become "a21005=Rtd-1.1".
_BARE: Form = re.compile(r"[+-]?+[^=-]*+|-{2,3}").fullmatch
_ANY: Form = re.compile(r".*", re.DOTALL).fullmatch
_NEVER: Form = re.compile(r"(?!)").fullmatch

BARE_SUFFIX = "value"
FORMS: Mapping[str, Form] = {
    **dict.fromkeys(NUMERIC_SUFFIXES, _is_number),
    "sampletime": re.compile(r"[0-9]{0,17}").fullmatch,
    **dict.fromkeys(FLAG_SUFFIXES, lru_cache(maxsize=1024)(_FLAG.fullmatch)),
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key of CP taken apart: the code before the first hyphen, the suffix behind the last (in lower case).

    `owner` is the code if there is a hyphen, else empty: one item belongs to one owner. `form` tells whether a text may
    stand behind the key; `single`: a second, different text is a flaw, not a list; `flaw`: what is wrong with the key
    itself, whatever its text.
    """

    name: str
    code: str
    suffix: str
    owner: str
    single: bool
    form: Form
    flaw: str | None


# A station says the same few dozen keys for years; the bound only guards against one that does not.
@lru_cache(maxsize=4096)
def key_of(key: str) -> Key:
    """`a21026-Min-Max` -> code a21026, suffix max (standards.md 1.12: keys mangled with more than one hyphen)."""
    code, *suffixes = key.split("-")
    code = NEW_PASSWORD if code.upper() == NEW_PASSWORD.upper() else code
    suffixes = [suffix.lower() for suffix in suffixes]
    last = suffixes[-1] if suffixes else BARE_SUFFIX
    flaw = _key_flaw(code, suffixes)
    return Key(
        name=f"{code}-{last}"[:40] if suffixes else code[:40],
        code=code,
        suffix=last,
        owner=code if suffixes else "",
        single=last in FORMS if suffixes else code == "DataTime",
        form=_NEVER if flaw else _form_of(code, last, bool(suffixes)),
        flaw=flaw,
    )


def _form_of(code: str, suffix: str, hyphened: bool) -> Form:
    if hyphened:
        return FORMS.get(suffix, _ANY)
    return _ANY if code in BARE_NAMES else _BARE


def _key_flaw(code: str, suffixes: list[str]) -> str | None:
    if not _CODE.fullmatch(code):
        return "not a code"
    unknown = next((suffix for suffix in suffixes if suffix not in SUFFIXES), None)
    return None if unknown is None else f"unknown suffix {unknown[:40]!r}"


def flaw_of(key: Key, text: str, owner: str) -> Malformed:
    """What is wrong with a field of the item of `owner`."""
    if key.flaw is not None:
        return Malformed(key.name, key.flaw)
    if not key.form(text):
        return Malformed(key.name, f"not in its form: {text[:40]!r}")
    return Malformed(key.name, f"in one item with {owner}")


def check_bytes(segment: bytes) -> None:
    """No control character, in particular no line end."""
    if segment.translate(None, _READABLE):
        raise Malformed("segment", "a control character")


def check_forms(head: Mapping[str, str]) -> None:
    """Each field of the head has its form."""
    for name, text in head.items():
        if not HEAD_CHECKS[name](text):
            raise Malformed(name, "not in its form" if name == "PW" else f"not in its form: {text[:40]!r}")


def check_numbers(head: Mapping[str, str]) -> None:
    """Flag is a byte; PNO counts from 1 to PNUM."""
    if int(head.get("Flag") or 0) > 255:
        raise Malformed("Flag", f"more than a byte: {head['Flag']}")
    if "PNO" in head and not 1 <= int(head["PNO"]) <= int(head.get("PNUM", head["PNO"])):
        raise Malformed("PNO", f"packet {head['PNO']} of {head.get('PNUM')}")


def check_pairs(values: Fields) -> None:
    """Not both a flag whose code has no value and a value whose code has no flag: one code written in two ways."""
    lone_flag = lone_value = ""
    for code, fields in values.items():
        if "flag" in fields:
            if len(fields) == 1:
                lone_flag = code
        elif not NUMERIC_SUFFIXES.isdisjoint(fields):
            lone_value = code
    if lone_flag and lone_value:
        raise Malformed(lone_flag, f"a flag without value beside {lone_value}, a value without flag")


def check_time(head: Mapping[str, str], data_time: datetime | None, values: Fields) -> None:
    """An upload of values names its time (a later packet of a split need not), not more than a day after its QN."""
    sent = wall_time(head["QN"]) if "QN" in head else None
    if "QN" in head and sent is None:
        raise Malformed("QN", f"not a possible time: {head['QN']!r}")
    if data_time is None:
        if head["CN"] in UPLOADS and int(head.get("PNO", "1")) == 1 and _measured(values):
            raise Malformed("DataTime", "missing")
    elif sent is not None and data_time - sent > AHEAD_OF_QN:
        raise Malformed("DataTime", f"{data_time} is after QN {head['QN']}")


def _measured(values: Fields) -> bool:
    return any(not NUMERIC_SUFFIXES.isdisjoint(fields) for fields in values.values())
