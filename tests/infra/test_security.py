"""Whatever stands in a token or a key, the answer is an identity or a 401, never an error of ours."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.runtime.problems import Problem
from infra.runtime.security import Doorkeeper
from watchbill.secrets import Secrets

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["crit", "kid", "typ", "b64", "jwk", "zip", "cty"])


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    made = Secrets(tmp_path)
    made.make()
    return made


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def code_of(door: Doorkeeper, authorization: str, key: str = "") -> int:
    with pytest.raises(Problem) as refused:
        door.identify(authorization, key)
    return refused.value.status


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, JSON, max_size=3), JSON, st.text(max_size=40))
def test_forged_token_is_refused(secrets: Secrets, header: dict[str, Any], claims: Any, signature: str) -> None:
    door = Doorkeeper(secrets.shared)
    token = f"{part({'alg': 'Ed25519'} | header)}.{part(claims)}.{part(signature)}"
    assert code_of(door, f"Bearer {token}") == 401
    assert code_of(door, "", signature or "x") == 401


def test_header_of_the_wrong_shape_is_refused(secrets: Secrets) -> None:
    whole = secrets.token("li", "buyer", "office")
    forged = ".".join([part({"alg": "Ed25519", "crit": 5}), *whole.split(".")[1:]])
    assert code_of(Doorkeeper(secrets.shared), f"Bearer {forged}") == 401


def test_own_token_is_known(secrets: Secrets) -> None:
    identity = Doorkeeper(secrets.shared).identify(f"Bearer {secrets.token('li', 'buyer', 'office')}", "")
    assert (identity.person, identity.role, identity.organisation) == ("li", "buyer", "office")
