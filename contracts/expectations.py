"""What pydantic expected, in the two languages of the product."""

from __future__ import annotations

from pydantic_core import ErrorDetails

from contracts.values import Words

BOOLEAN = Words(zh="true 或 false", en="true or false")
DATE = Words(zh="日期，如 2026-01-31", en="a date such as 2026-01-31")
MOMENT = Words(zh="时刻，如 2026-01-31T08:00:00+08:00", en="an instant such as 2026-01-31T08:00:00+08:00")
DURATION = Words(zh="ISO 8601 时长，如 PT4H、P7D", en="an ISO 8601 duration such as PT4H or P7D")
FIELDS = Words(zh="字段的集合", en="a mapping of fields")
LIST = Words(zh="列表", en="a list")
NUMBER = Words(zh="数字", en="a number")
ZONED = Words(
    zh="带时区的时刻，如 2026-01-31T08:00:00+08:00",
    en="an instant with its offset, such as 2026-01-31T08:00:00+08:00",
)
TIME = Words(zh="当天时刻，如 06:00", en="a time of day such as 06:00")
WHOLE = Words(zh="整数", en="a whole number")
EXPECTED = {
    "bool_parsing": BOOLEAN,
    "bool_type": BOOLEAN,
    "date_from_datetime_inexact": DATE,
    "date_from_datetime_parsing": DATE,
    "date_parsing": DATE,
    "date_type": DATE,
    "datetime_from_date_parsing": MOMENT,
    "datetime_parsing": MOMENT,
    "datetime_type": MOMENT,
    "decimal_parsing": NUMBER,
    "decimal_type": NUMBER,
    "dict_type": FIELDS,
    "extra_forbidden": Words(zh="没有此字段", en="no such field"),
    "finite_number": NUMBER,
    "float_parsing": NUMBER,
    "float_type": NUMBER,
    "int_from_float": WHOLE,
    "int_parsing": WHOLE,
    "int_parsing_size": WHOLE,
    "int_type": WHOLE,
    "json_invalid": Words(zh="合法的 JSON", en="valid JSON"),
    "list_type": LIST,
    "missing": Words(zh="此字段必填", en="this field, which is required"),
    "model_attributes_type": FIELDS,
    "model_type": FIELDS,
    "string_type": Words(zh="一段文字", en="a text"),
    "time_delta_parsing": DURATION,
    "time_delta_type": DURATION,
    "time_parsing": TIME,
    "time_type": TIME,
    "timezone_aware": Words(
        zh="带时区的时刻，如 2026-01-31T08:00:00+08:00",
        en="an instant with its offset, such as 2026-01-31T08:00:00+08:00",
    ),
    "tuple_type": LIST,
}
FORMS = {
    "decimal_max_digits": ("不超过 {max_digits} 位的数字", "a number of at most {max_digits} digits"),
    "decimal_max_places": ("不超过 {decimal_places} 位小数", "at most {decimal_places} decimal places"),
    "decimal_whole_digits": ("整数部分不超过 {whole_digits} 位", "at most {whole_digits} digits before the point"),
    "greater_than": ("大于 {gt}", "more than {gt}"),
    "greater_than_equal": ("不小于 {ge}", "at least {ge}"),
    "less_than": ("小于 {lt}", "less than {lt}"),
    "less_than_equal": ("不大于 {le}", "at most {le}"),
    "literal_error": ("其中之一：{expected}", "one of: {expected}"),
    "string_pattern_mismatch": ("符合 {pattern} 的文字", "a text of the form {pattern}"),
    "string_too_long": ("不超过 {max_length} 个字符", "at most {max_length} characters"),
    "string_too_short": ("至少 {min_length} 个字符", "at least {min_length} characters"),
    "too_long": ("不超过 {max_length} 项", "at most {max_length} items"),
    "too_short": ("至少 {min_length} 项", "at least {min_length} items"),
}
SENTENCES = {
    "a duration must be longer than zero": "大于零的时长",
    "a span must end later than it starts on the same day (00:00 is the day's end)": "晚于开始的时刻（00:00 为日终）",
}


def expectation(error: ErrorDetails) -> Words:
    """What should have stood there; pydantic's own words where we have none."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in EXPECTED:
        return EXPECTED[kind]
    if kind in FORMS:
        zh, en = FORMS[kind]
        known = {name: str(value).replace(" or ", ", ") for name, value in context.items()}
        return Words(zh=zh.format(**known), en=en.format(**known))
    said = error["msg"].removeprefix("Value error, ")
    return Words(zh=SENTENCES.get(said, f"有效的值（{said}）"), en=said)
