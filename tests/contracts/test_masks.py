"""What is masked in what people write, and what is left as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.masks import initial, masked

DIGITS = st.text("0123456789", min_size=8, max_size=8)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("请联系张工13812345678。", "请联系张工138****5678。"),
        ("call +86 138-1234-5678", "call +86 138****5678"),
        ("座机 027-85601234 转 2", "座机 027-****1234 转 2"),
        ("mail zhou.jian@example.com, please", "mail z***@example.com, please"),
        ("to=zhou.jian%40example.com&x", "to=z***%40example.com&x"),
        ("身份证 420106199003074321", "身份证 420106************"),
    ],
)
def test_numbers_and_addresses_are_masked(written: str, shown: str) -> None:
    assert masked(written) == shown


@pytest.mark.parametrize(
    "written",
    [
        "PM2.5 13.812345678 ug/m3",
        "MN=4201A0D41B7C3E5F90620001",
        "QN=20260414100507000",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "2026-04-14T10:05:07.000+08:00",
        "send|8bf04887-5664-509a-ba49-03369885b60e@2026-04-07T23:11:00.000+00:00|f7f4",
        "serial A13812345678X",
        "readings/0@13812345678901",
        "a pressure of 1013 hPa at 027-8",
    ],
)
def test_field_values_are_left_alone(written: str) -> None:
    assert masked(written) == written


@given(st.sampled_from(["13", "15", "17", "18", "19"]), DIGITS, st.text("，。 ：;()[]<>请电话", max_size=4))
def test_no_mobile_number_is_left(head: str, tail: str, around: str) -> None:
    number = f"{head}0{tail}"
    assert number not in masked(f"{around}{number}{around}") and masked(masked(number)) == masked(number)


def test_name_is_shown_by_its_initial() -> None:
    assert (initial("陈宇"), initial("")) == ("陈**", "")
