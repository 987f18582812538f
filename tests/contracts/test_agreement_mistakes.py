"""The reader of agreement folders: every mistake in one go, at its line, with the nearest valid word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from contracts.agreements.folder import digest_of, find_mistakes, read_agreement
from contracts.agreements.mistakes import Mistake, WrongAgreement

ROOT = """\
id: small
version: 1
title: {zh: 小, en: Small}
source: {row: W1, clause: "1", note: {zh: 注, en: Note}}
starts: 2026-01-01
ends: 2026-12-31
buyer: centre
parties:
  - id: centre
    title: {zh: 中心, en: Centre}
  - {id: keeper, title: {zh: 运维, en: Keeper}}
calendar:
  id: cn
  years:
    2026:
      holidays: [2026-01-01]
      makeup_workdays: [2026-01-04]
  hours:
    - id: day
      title: {zh: 白天, en: By day}
      days: [workday]
      spans: [{starts: "06:00", ends: "20:00"}]
"""
LOT = """\
id: lot-1
title: {zh: 一包, en: Lot 1}
source: {row: W1, clause: "1"}
supplier: keeper
plans:
  - id: weekly
    title: {zh: 每周, en: Weekly}
    source: &w4 {row: W4, clause: "2"}
    repeats: FREQ=WEEKLY;BYDAY=MO
    lasts: until_next
    sites: [lake]
    evidence: {photos: 1}
    items:
      - {id: room, title: {zh: 站房, en: Room}, source: *w4, group: room, opens: broken}
indicators:
  - {id: capture, title: {zh: 捕获率, en: Capture}, source: *w4, measure: capture, at_least: 0.90}
sheet:
  id: sheet
  title: {zh: 表, en: Sheet}
  source: *w4
  gates: [capture]
  parts:
    - id: all
      title: {zh: 全部, en: All}
      source: *w4
      points: 100
      deductions:
        - {id: late, title: {zh: 超时, en: Late}, source: *w4, counts: {of: breaches, clauses: [solve]}, points: 5}
payment:
  id: fee
  title: {zh: 费用, en: Fee}
  source: *w4
  annual_fee: 1200.00
  pricing: {rule: proportional}
  closes: P4D
notices:
  groups:
    - {id: engineers, title: {zh: 工程师, en: Engineers}, source: *w4, party: keeper}
  routes:
    - id: opened
      title: {zh: 新故障, en: New faults}
      source: *w4
      on: FaultOpened
      to: [engineers]
      channels: [sms]
      template: fault-opened
"""
SITES = """\
sites:
  - id: lake
    title: {zh: 湖, en: Lake}
    source: {row: W1, clause: "3"}
    kind: air-station
    since: 2018-01-01
    logger: {mn: "A1", edition: "2005", factors: {a34004: 1000}}
    room:
      - {code: i33103, unit: V, low: 0, high: 420, standing: informative}
    assets:
      - id: lake.pm25
        title: {zh: 颗粒物, en: Particles}
        source: {row: W1, clause: "3"}
        kind: analyser
        model: "5030"
        measures: [{code: a34004, unit: ug/m3, low: -10, high: 2000, aliases: [PM25]}]
"""
FAULTS = """\
fault_kinds:
  - id: broken
    title: {zh: 故障, en: Broken}
    source: &w5 {row: W5, clause: "4"}
    family: instrument
    severity: major
fault_rules:
  - id: marked
    title: {zh: 标记, en: Marked}
    source: *w5
    kind: broken
    when: {test: flag, any_of: [D]}
    lasts: PT15M
  - id: high
    title: {zh: 过高, en: Too high}
    source: *w5
    kind: broken
    codes: [a34004]
    when: {test: outside, high: 800}
sla:
  - id: solve
    title: {zh: 解决, en: Solve}
    source: *w5
    families: [instrument]
    covers: day
    limits:
      - time: PT4H
      - {days: [holiday], workdays: 1}
    until: [resolved]
    warns: [PT1H]
"""
SMALL = {"agreement.yaml": ROOT, "lot-1/lot.yaml": LOT, "lot-1/sites.yaml": SITES, "lot-1/faults.yaml": FAULTS}


def mistakes_of(files: Mapping[str, str]) -> tuple[Mistake, ...]:
    with TemporaryDirectory() as folder:
        return find_mistakes(written(Path(folder), files))


def written(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def small(**changes: tuple[str, str]) -> dict[str, str]:
    """The small agreement with one text replaced in a file: `small(faults=("covers: day", "covers: night"))`."""
    files = dict(SMALL)
    for name, (old, new) in changes.items():
        file = next(known for known in files if known.endswith(f"{name}.yaml"))
        assert files[file].count(old) >= 1
        files[file] = files[file].replace(old, new, 1)
    return files


def line_of(files: Mapping[str, str], file: str, text: str) -> int:
    return 1 + next(number for number, line in enumerate(files[file].splitlines()) if text in line)


def test_small_agreement_has_no_mistakes(tmp_path: Path) -> None:
    agreement = read_agreement(written(tmp_path, SMALL))
    assert agreement.lot("lot-1").sites[0].assets[0].model == "5030"
    assert str(agreement.lot("lot-1").indicators[0].at_least) == "0.90"


WRONG: tuple[tuple[str, str, str, str, str, str | None], ...] = (
    # file, what stood there, what stands there, field, wrong, nearest
    ("agreement", "buyer: centre", "buyer: center", "buyer", "center", "centre"),
    ("agreement", "ends: 2026-12-31", "ends: 2027-12-31", "calendar.years.2027", "", None),
    ("agreement", "days: [workday]", "days: [workdy]", "calendar.hours.day.days.0", "workdy", "workday"),
    (
        "lot",
        "repeats: FREQ=WEEKLY;BYDAY=MO",
        "repeats: FREQ=WEEKLY;BYDAY=XX",
        "lots.lot-1.plans.weekly.repeats",
        "FREQ=WEEKLY;BYDAY=XX",
        None,
    ),
    ("lot", "at_least: 0.90", "at_least: 1.5", "lots.lot-1.indicators.capture.at_least", "1.5", "1"),
    ("lot", "gates: [capture]", "gates: [captures]", "lots.lot-1.sheet.gates.0", "captures", "capture"),
    (
        "lot",
        "{of: breaches,",
        "{of: breach,",
        "lots.lot-1.sheet.parts.all.deductions.late.counts.of",
        "breach",
        "breaches",
    ),
    ("lot", "on: FaultOpened", "on: FaultOpend", "lots.lot-1.notices.routes.opened.on", "FaultOpend", "FaultOpened"),
    (
        "lot",
        "template: fault-opened",
        "template: fault-open",
        "lots.lot-1.notices.routes.opened.template",
        "fault-open",
        "fault-opened",
    ),
    ("lot", "closes: P4D", "closes: 8 hours", "lots.lot-1.payment.closes", "8 hours", None),
    ("sites", "low: 0, high: 420", "low: 500, high: 420", "lots.lot-1.sites.lake.room.0.high", "420", None),
    (
        "sites",
        "factors: {a34004: 1000}",
        "factors: {a34005: 1000}",
        "lots.lot-1.sites.lake.logger.factors.a34005",
        "a34005",
        "a34004",
    ),
    (
        "faults",
        "severity: major",
        "serverity: major",
        "lots.lot-1.fault_kinds.broken.serverity",
        "serverity",
        "severity",
    ),
    ("faults", "codes: [a34004]", "codes: [a34002]", "lots.lot-1.fault_rules.high.codes.0", "a34002", "a34004"),
    ("faults", "covers: day", "covers: days", "lots.lot-1.sla.solve.covers", "days", "day"),
    ("faults", "- time: PT4H", "- time: four", "lots.lot-1.sla.solve.limits.0.time", "four", None),
    ("faults", "until: [resolved]", "until: [resolvd]", "lots.lot-1.sla.solve.until.0", "resolvd", "resolved"),
    ("faults", "id: high", 'id: "marked"', "lots.lot-1.fault_rules.marked.id", "marked", None),
)


def test_month_that_closes_before_late_posts_are_in(tmp_path: Path) -> None:
    files = {name: text.replace("closes: P4D", "closes: PT47H") for name, text in SMALL.items()}
    with pytest.raises(WrongAgreement) as refused:
        read_agreement(written(tmp_path, files))
    (mistake,) = refused.value.mistakes
    assert (mistake.field, mistake.wrong) == ("lots.lot-1.payment.closes", "PT47H")
    assert mistake.line == line_of(files, mistake.file, "closes: PT47H")
    assert "PT48H" in mistake.expected.en


def test_all_mistakes_come_in_one_go(tmp_path: Path) -> None:
    files = dict(SMALL)
    for name, old, new, *_ in WRONG:
        files = {
            file: text.replace(old, new, 1) if file.endswith(f"{name}.yaml") else text for file, text in files.items()
        }
    with pytest.raises(WrongAgreement) as refused:
        read_agreement(written(tmp_path, files))
    found = {(mistake.file, mistake.line, mistake.wrong, mistake.nearest) for mistake in refused.value.mistakes}
    expected = set()
    for name, _, new, _, wrong, likely in WRONG:
        file = next(known for known in files if known.endswith(f"{name}.yaml"))
        text = "2026:" if wrong == "" else new
        expected.add((file, line_of(files, file, text), wrong, likely))
    assert found == expected


@pytest.mark.parametrize(("name", "old", "new", "field", "wrong", "likely"), WRONG, ids=[wrong[2] for wrong in WRONG])
def test_one_mistake_is_told_once(name: str, old: str, new: str, field: str, wrong: str, likely: str | None) -> None:
    (mistake,) = mistakes_of(small(**{name: (old, new)}))
    assert (mistake.field, mistake.wrong, mistake.nearest) == (field, wrong, likely)
    assert mistake.expected.zh != mistake.expected.en


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("agreement", "starts: 2026-01-01", "starts: 20260101"),
        ("agreement", 'ends: "20:00"', 'ends: "20:00Z"'),
        ("faults", "lasts: PT15M", "lasts: -PT15M"),
        ("faults", "warns: [PT1H]", 'warns: ["01:00:00"]'),
        ("faults", "- time: PT4H", "- time: P"),
        ("sites", "since: 2018-01-01", "since: 86400"),
    ],
)
def test_dates_and_durations_have_one_form(name: str, old: str, new: str) -> None:
    (mistake,) = mistakes_of(small(**{name: (old, new)}))
    assert mistake.wrong and mistake.wrong in new
    assert mistake.expected.en.startswith(("a date", "a time", "an ISO 8601 duration"))


def test_yaml_errors_leave_no_echoes() -> None:
    files = small(lot=("supplier: keeper", "supplier: [keeper"), sites=("kind: air-station", "\tkind: air-station"))
    assert [(mistake.file, mistake.line) for mistake in mistakes_of(files)] == [
        ("lot-1/lot.yaml", 5),
        ("lot-1/sites.yaml", 5),
    ]


def test_yaml_error_says_what_it_hides() -> None:
    (mistake,) = mistakes_of(
        small(lot=("supplier: keeper", "supplier: [keeper"), faults=("covers: day", "covers: days"))
    )
    assert mistake.file == "lot-1/lot.yaml"
    assert "均未检查" in mistake.expected.zh and "not checked in any file" in mistake.expected.en


def test_shape_is_told_beside_yaml_errors() -> None:
    found = mistakes_of(small(lot=("supplier: keeper", "supplier: [keeper"), sites=("since:", "sinse:")))
    assert [(mistake.file, mistake.nearest) for mistake in found] == [
        ("lot-1/lot.yaml", None),
        ("lot-1/sites.yaml", "since"),
    ]


def test_key_given_twice_is_located() -> None:
    (within,) = mistakes_of(small(agreement=("buyer: centre", "buyer: centre\nbuyer: keeper")))
    (between,) = mistakes_of(small(sites=("sites:", "supplier: keeper\nsites:")))
    assert (within.file, within.line, within.wrong) == ("agreement.yaml", 8, "buyer")
    assert (between.file, between.line, between.wrong) == ("lot-1/sites.yaml", 1, "supplier")
    assert "lot-1/lot.yaml:4" in between.expected.en


def test_mn_is_unique_across_lots() -> None:
    second = {name.replace("lot-1", "lot-2"): text for name, text in SMALL.items() if name.startswith("lot-1")}
    second["lot-2/lot.yaml"] = LOT.replace("id: lot-1", "id: lot-2").replace("sites: [lake]", "sites: [pond]")
    second["lot-2/sites.yaml"] = SITES.replace("lake", "pond")
    (mistake,) = mistakes_of({**SMALL, **second})
    assert (mistake.file, mistake.line, mistake.wrong) == ("lot-2/sites.yaml", 7, "A1")
    assert "lot-1/sites.yaml:7" in mistake.expected.en


def test_folder_and_lot_share_a_name() -> None:
    (mistake,) = mistakes_of(small(lot=("id: lot-1", "id: lot-9")))
    assert (mistake.file, mistake.line, mistake.nearest) == ("lot-1/lot.yaml", 1, "lot-1")


def test_unread_file_is_a_mistake() -> None:
    (mistake,) = mistakes_of({**SMALL, "lot-1/more.yml": "plans: []\n"})
    assert (mistake.file, mistake.nearest) == ("lot-1/more.yml", "more.yaml")


def test_empty_folder_lacks_an_agreement() -> None:
    (mistake,) = mistakes_of({})
    assert (mistake.file, mistake.line, mistake.nearest) == ("agreement.yaml", 1, None)
    assert mistake.expected.en.startswith("the file agreement.yaml") and "不是协议文件夹" in mistake.expected.zh


def test_agreement_below_is_named() -> None:
    """Of a folder that is none, nothing else is told; with two below it nobody knows which was meant."""
    below = {f"air/{name}": text for name, text in SMALL.items()} | {"notes.txt": "", "odd.yaml": "[", "x/a.yaml": "["}
    (mistake,) = mistakes_of(below)
    assert (mistake.file, mistake.nearest) == ("agreement.yaml", "air/agreement.yaml")
    (either,) = mistakes_of({**below, "water/agreement.yaml": ROOT})
    assert either.nearest is None


def test_misnamed_agreement_is_the_mistake() -> None:
    files = {name.replace("agreement.yaml", "agreement.yml"): text for name, text in SMALL.items()}
    (mistake,) = mistakes_of(files)
    assert (mistake.file, mistake.wrong, mistake.nearest) == ("agreement.yml", "agreement.yml", "agreement.yaml")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    folder = written(tmp_path, SMALL)
    (folder / "lot-1/faults.yaml").write_bytes("sla: 解决".encode("gb18030"))
    (mistake,) = find_mistakes(folder)
    assert (mistake.file, mistake.line) == ("lot-1/faults.yaml", 1)
    assert mistake.expected.en.startswith("text in UTF-8; until it is mended")


def test_value_inside_itself_is_refused() -> None:
    found = mistakes_of(small(sites=("measures: [", "measures: &m [*m, ")))
    assert {(mistake.file, mistake.line) for mistake in found} == {("lot-1/sites.yaml", 16)}


def test_lists_of_two_files_are_joined(tmp_path: Path) -> None:
    more = SITES.replace("lake", "pond").replace('"A1"', '"A2"')
    agreement = read_agreement(written(tmp_path, {**SMALL, "lot-1/zone/pond.yaml": more}))
    assert [site.id for site in agreement.lot("lot-1").sites] == ["lake", "pond"]


def test_digest_hears_every_change(tmp_path: Path) -> None:
    first = read_agreement(written(tmp_path / "a", SMALL))
    same = read_agreement(written(tmp_path / "b", small(sites=("kind: air-station", "kind: air-station # a remark"))))
    other = read_agreement(written(tmp_path / "c", small(faults=("PT4H", "PT3H"))))
    assert digest_of(first) == digest_of(same) != digest_of(other)
    assert digest_of(type(first).model_validate_json(first.model_dump_json())) == digest_of(first)


def keys_of(node: Node) -> Iterator[tuple[int, int, str]]:
    """Every field name of a YAML document that stands in it: line, column, name."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield key.start_mark.line, key.start_mark.column, key.value
            yield from keys_of(value)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from keys_of(item)


ODD = ["x", "[]", "{}", "null", "[x]", "{x: y}", "中", "-1", "[[]]", "[{id: [x]}]", '"\\0"', "FREQ=", ".nan", "20:00Z"]


def values_of(node: Node) -> Iterator[tuple[int, int]]:
    """Where each value of a YAML document begins and ends."""
    yield node.start_mark.index, node.end_mark.index
    below = [value for _, value in node.value] if isinstance(node, MappingNode) else node.value
    if isinstance(node, MappingNode | SequenceNode):
        for value in below:
            yield from values_of(value)


VALUES = sorted(
    {(file, *value) for file, text in SMALL.items() for value in values_of(YAML(typ="safe", pure=True).compose(text))}
)


@settings(max_examples=30)
@given(st.sampled_from(VALUES), st.sampled_from(ODD))
def test_no_value_brings_the_reader_down(place: tuple[str, int, int], odd: str) -> None:
    file, begins, ends = place
    text = SMALL[file]
    line_end = "\n" if text[begins:ends].endswith("\n") else ""
    for mistake in mistakes_of({**SMALL, file: text[:begins] + odd + line_end + text[ends:]}):
        assert mistake.line >= 1 and mistake.file in SMALL
        assert "Input should" not in mistake.expected.en


KEYS = sorted(
    {(file, *key) for file, text in SMALL.items() for key in keys_of(YAML(typ="safe", pure=True).compose(text))}
)
misspelt = st.one_of(st.text("abcdefghij_", min_size=1, max_size=12), st.integers(min_value=0, max_value=3))


@settings(max_examples=50)
@given(st.sampled_from(KEYS), misspelt)
def test_renamed_field_is_always_located(key: tuple[str, int, int, str], slip: str | int) -> None:
    file, line, column, name = key
    wrong = name[: slip % len(name)] + "x" + name[slip % len(name) :] if isinstance(slip, int) else f"x{slip}"
    lines = SMALL[file].splitlines(keepends=True)
    lines[line] = lines[line][:column] + wrong + lines[line][column + len(name) :]
    found = mistakes_of({**SMALL, file: "".join(lines)})
    assert (file, line + 1, wrong) in {(mistake.file, mistake.line, mistake.wrong) for mistake in found}
