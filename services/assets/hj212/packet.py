"""Reads a data segment into a `Packet` (HJ 212-2017 clause 6.3.2-6.3.3, tables 3-4).

Tolerant of what loggers really send (standards.md 1.12): no QN, `FLAG`, stray commas and spaces, `;` before the flag,
the flag before the value, `;Flag=5` behind CP, keys with several hyphens. Strict about what only damage explains.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from services.assets.hj212.frame import PIECE_LIMIT, Frame, Reason, Rejected
from services.assets.hj212.grammar import (
    BARE_SUFFIX,
    NEW_PASSWORD,
    Key,
    Malformed,
    check_bytes,
    check_pairs,
    check_time,
    flaw_of,
    key_of,
)
from services.assets.hj212.head import before_cp, cut, fields_of, head_of, text_of
from services.assets.hj212.secret import MASK, Guarded, masked
from services.assets.hj212.standard import Plain, cut_standard, fields_in, in_time, plain_items
from services.assets.hj212.walltime import wall_time

Item = tuple[tuple[str, str], ...]
Values = Mapping[str, Mapping[str, str]]

_SPACED = re.compile(r"\s*([;,=]|^|$)\s*")
_REMARK = re.compile(r"//.*?//", re.DOTALL)
_SEALED = str.maketrans(";,=", "\ue000\ue001\ue002")
_OPENED = str.maketrans("\ue000\ue001\ue002", ";,=")
_EDITIONS = {0: 2005, 1: 2017, 2: 2025}


class Packet(Guarded, frozen=True):
    """One data segment. `cp`: the text between `CP=&&` and `&&` as written. `data_time`: aware, Asia/Shanghai.

    `values`: `{code: {suffix in lower case: text as written}}`; a key without suffix has the suffix `value`; DataTime
    is not among them. `pw` is a secret, and so is a NewPW in `cp`: neither `repr` nor `values` show them.
    """

    st: str
    cn: str
    mn: str
    qn: str | None = None
    pw: str | None = None
    flag: int | None = None
    pnum: int | None = None
    pno: int | None = None
    cp: str = ""
    data_time: datetime | None = None
    plain: Sequence[Plain] = ()
    """The values where they were read in one go, all of them or none; those read field by field are `free`."""
    free: Values = {}

    @property
    def values(self) -> Values:
        """All values. Made when asked for: what takes readings in asks for the two parts."""
        return {**{item[0]: fields_in(item) for item in self.plain}, **self.free}

    @property
    def items(self) -> tuple[Item, ...]:
        """CP in order: for each `;` item its (key, text) fields."""
        return tuple(filter(None, map(_item, _unspaced(self.cp).split(";"))))

    @property
    def needs_ack(self) -> bool:
        """Flag bit 0: the sender waits for 9014 (data) or 9011/9013."""
        return bool((self.flag or 0) & 1)

    @property
    def has_split(self) -> bool:
        """Flag bit 1: PNUM and PNO are there, if the logger keeps its word."""
        return bool((self.flag or 0) & 2)

    @property
    def edition(self) -> int | None:
        """2005, 2017 or 2025 by Flag bits 2-7; None without Flag. 2025 is also what the water protocol of 2017 says."""
        return None if self.flag is None else _EDITIONS.get(self.flag >> 2)

    def __repr__(self) -> str:
        secret = None if self.pw is None else MASK
        return (
            f"Packet(mn={self.mn!r}, st={self.st!r}, cn={self.cn!r}, qn={self.qn!r}, pw={secret!r}, flag={self.flag},"
            f" pnum={self.pnum}, pno={self.pno}, data_time={self.data_time}, codes={len(self.plain) + len(self.free)})"
        )


def packet_of(frame: Frame, strict: bool = True) -> Packet | Rejected:
    """The packet in a frame, or the frame refused as `syntax` (or `encrypted`: SM4 of HJ 212-2025, not read here)."""
    try:
        return parse(frame.segment, strict)
    except Malformed as flaw:
        reason = Reason.ENCRYPTED if flaw.field == Reason.ENCRYPTED else Reason.SYNTAX
        detail = masked(str(flaw).encode()).decode()
        return Rejected(reason, frame.raw[:PIECE_LIMIT], detail, len(frame.raw), frame.dialect, frame.offset)


def sender_of(frame: Frame) -> Packet | None:
    """Who says a frame whose CP cannot be read: a packet without values. None where the head cannot be read either."""
    try:
        return _packet(head_of(before_cp(text_of(frame.segment)), strict=True), "", None, {})
    except Malformed:
        return None


def parse(segment: bytes, strict: bool = True) -> Packet:
    """The packet in a data segment; raises `Malformed` naming the field. `strict=False` leaves out grammar.py."""
    standard = cut_standard(segment)
    found = plain_items(standard[2]) if standard else None
    if standard and found and in_time(standard[0], found[0]):
        qn, (st, cn, mn, pw, flag, pnum, pno), cp = standard
        return Packet(st, cn, mn, qn, pw, flag, pnum, pno, cp, *found)
    return free_packet(segment, strict, may_be_plain=standard is None)


def free_packet(segment: bytes, strict: bool, may_be_plain: bool = True) -> Packet:
    """Field by field; raises `Malformed`. `may_be_plain`: whether CP may be as the standard writes it."""
    if strict:
        check_bytes(segment)
    head_text, cp, tail = cut(text_of(segment))
    if cp.startswith("{0x"):
        raise Malformed(Reason.ENCRYPTED, "the CP is encrypted")
    head = head_of(f"{head_text};{tail}" if tail else head_text, strict)
    if strict and "&&" in cp:
        raise Malformed("CP", "opened or closed twice")
    data_time, plain = (plain_items(cp) if may_be_plain else None) or (None, ())
    free: Values = {}
    if data_time is None:
        data_time, free = _free_values(cp, strict)
    if strict:
        check_time(head, data_time, free)
    return _packet(head, cp, data_time, free, plain)


def _free_values(cp: str, strict: bool) -> tuple[datetime | None, Values]:
    data_time, values = free_values(cp, strict)
    if strict:  # as the standard writes them, each value has its flag
        check_pairs(values)
    return data_time, values


def free_values(cp: str, strict: bool) -> tuple[datetime | None, Values]:
    """One pass over CP, its keys known from the cache."""
    values: dict[str, dict[str, str]] = {}
    for item in _unspaced(cp).split(";"):
        owner = ""
        for part in item.split(","):
            written, equals, text = part.partition("=")
            if not equals:
                _pass_over(part, strict)
                continue
            key = key_of(written)
            if strict and (not key.form(text) or (owner and key.owner and key.owner != owner)):
                raise flaw_of(key, text, owner)
            owner = key.owner or owner
            fields = values.get(key.code)
            if fields is None:
                values[key.code] = {key.suffix: text}
            elif fields.setdefault(key.suffix, text) != text:
                _repeat(fields, key, text)
    return _data_time(values.pop("DataTime", None)), _shown(values, "//" in cp)


def _pass_over(part: str, strict: bool) -> None:
    if strict and part:
        raise Malformed(part[:40], "no value")


def _unspaced(cp: str) -> str:
    """CP without the spaces around its separators, and with those in remarks (`//...//`) sealed."""
    if "//" in cp:
        cp = _REMARK.sub(lambda remark: remark[0].translate(_SEALED), cp)
    return cp if cp.isascii() and " " not in cp else _SPACED.sub(r"\1", cp)


def _shown(values: dict[str, dict[str, str]], remarks: bool) -> Values:
    if remarks:
        values = {code: {name: text.translate(_OPENED) for name, text in of.items()} for code, of in values.items()}
    if NEW_PASSWORD in values:
        values[NEW_PASSWORD] = dict.fromkeys(values[NEW_PASSWORD], MASK)
    return values


def _data_time(fields: Mapping[str, str] | None) -> datetime | None:
    if fields is None:
        return None
    text = fields.get(BARE_SUFFIX, "")
    moment = wall_time(text)
    if moment is None:
        raise Malformed("DataTime", f"not a possible time: {text[:40]!r}")
    return moment


def _item(written: str) -> Item:
    parts = (part.translate(_OPENED).partition("=") for part in written.split(",") if part)
    return tuple((key, text) for key, _, text in parts)


def _repeat(fields: dict[str, str], key: Key, text: str) -> None:
    if key.single:
        raise Malformed(key.name, "twice, with different values")
    fields[key.suffix] += f",{text}"


def _packet(
    head: dict[str, str], cp: str, data_time: datetime | None, free: Values, plain: Sequence[Plain] = ()
) -> Packet:
    st, cn, mn, pw, flag, pnum, pno = fields_of(head)
    return Packet(st, cn, mn, head.get("QN") or None, pw, flag, pnum, pno, cp, data_time, plain, free)
