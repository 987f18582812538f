"""`watchbill token` and `watchbill key`: what they refuse, and what they say beside the secret."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.agreements.folder import read_agreement
from tests.watchbill.evidence import run
from tests.watchbill.stand_in import StandIn
from watchbill.commands.tokens import BEIJING
from watchbill.demo.play import AGREEMENT

HAN = re.compile(r"[\u4e00-\u9fff]")


def claims_of(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    return dict(json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4))))


def town_of(*sites: str) -> StandIn:
    town = StandIn([])
    town.answers = {"/v1/sites": [{"id": id, "mn": "1"} for id in sites]}
    return town


def test_token_stands_alone_on_stdout(tmp_path: Path) -> None:
    told = run("token", "li", "--role", "buyer", "--org", "wuhan-emc", "--hours", "8760", WATCHBILL_DATA=str(tmp_path))
    (token,) = told.stdout.splitlines()
    claims = claims_of(token)
    assert (claims["sub"], claims["role"], claims["org"]) == ("li", "buyer", "wuhan-emc")
    ends = datetime.fromtimestamp(claims["exp"], BEIJING)
    (said,) = re.findall(r"有效至 (.{16})（北京时间）：li, buyer, wuhan-emc", told.stderr)
    assert 0 <= (ends - datetime.fromisoformat(said).replace(tzinfo=BEIJING)).total_seconds() < 120
    assert f"Valid until {said}, Beijing time: li, buyer, wuhan-emc" in told.stderr


@pytest.mark.parametrize(
    "arguments",
    [[""], ["  "], ["li", "--org", " "], ["li", "--role", "king"]]
    + [["li", "--hours", hours] for hours in ("0", "-1", "8761", "99999999999999")],
    ids=repr,
)
def test_token_refuses_what_is_senseless(tmp_path: Path, arguments: list[str]) -> None:
    told = run("token", *arguments, WATCHBILL_DATA=str(tmp_path))
    zh, en = told.stderr.splitlines()
    assert (told.exit_code, told.stdout) == (2, "") and HAN.search(zh) and not HAN.search(en)


def test_token_of_stranger_is_warned(tmp_path: Path) -> None:
    with StandIn([read_agreement(AGREEMENT)]).running(tmp_path):
        stranger = run("token", "li", "--role", "buyer", "--org", "wuhan-emcc", WATCHBILL_DATA=str(tmp_path))
        party = run("token", "li", "--role", "buyer", "--org", "wuhan-emc", WATCHBILL_DATA=str(tmp_path))
        auditor = run("token", "li", "--role", "auditor", "--org", "audit-office", WATCHBILL_DATA=str(tmp_path))
    assert "没有单位 wuhan-emcc；是否 wuhan-emc？" in stranger.stderr and "did you mean wuhan-emc?" in stranger.stderr
    assert claims_of(stranger.stdout)["org"] == "wuhan-emcc"
    assert "Warning" not in party.stderr + auditor.stderr


def test_key_of_unknown_site_is_refused(tmp_path: Path) -> None:
    with town_of("mulan-lake", "mobile").running(tmp_path):
        told = run("key", "mulan-lak", WATCHBILL_DATA=str(tmp_path))
        good = run("key", "mulan-lake", WATCHBILL_DATA=str(tmp_path))
    assert (told.exit_code, told.stdout) == (2, "")
    assert "没有站点 mulan-lak；是否 mulan-lake？" in told.stderr and "did you mean mulan-lake?" in told.stderr
    assert good.exit_code == 0 and len(good.stdout.splitlines()) == 1 and good.stderr == ""
    assert "mulan-lak" not in json.loads((tmp_path / "owner" / "keys.json").read_text())


def test_key_before_any_agreement_is_refused(tmp_path: Path) -> None:
    with town_of().running(tmp_path):
        told = run("key", "mulan-lake", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 2 and told.stderr.count("watchbill agreement load") == 2


def test_key_without_installation_is_warned(tmp_path: Path) -> None:
    """Docker Compose reads the same secrets and writes no addresses: the key is made, unchecked."""
    told = run("key", "mulan-lake", WATCHBILL_DATA=str(tmp_path))
    with town_of().running(tmp_path):
        pass
    left = run("key", "mulan-lake", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == left.exit_code == 0 and told.stdout == left.stdout
    for one in (told, left):
        assert "无法核对是否有站点 mulan-lake" in one.stderr and "whether there is a site mulan-lake" in one.stderr


def test_empty_site_has_no_key(tmp_path: Path) -> None:
    assert run("key", " ", WATCHBILL_DATA=str(tmp_path)).exit_code == 2
