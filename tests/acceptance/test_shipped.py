"""The shipped mappings without a server: valid, laid out, and saying all that the reference models say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from syncd.cli import root
from syncd.mapping import load
from tests.acceptance.matrix import MATRIX
from tests.system.site import REPOSITORY
from tests.unit.docs.pages import SYSTEMS, blocks

if TYPE_CHECKING:
    from syncd.mapping.schema import MappingDocument


def shipped(system: str) -> Path:
    return REPOSITORY / "mappings" / system


def document(path: Path) -> MappingDocument:
    return load(path, name=path.name.partition(".")[0]).document


def untitled(value: Any) -> Any:
    """The same without titles, at every depth."""
    if isinstance(value, dict):
        return {key: untitled(each) for key, each in value.items() if key != "title"}
    return value


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("command", [("validate",), ("fmt", "--check")], ids=" ".join)
def test_a_shipped_mapping_is_valid_and_laid_out(system: str, command: tuple[str, ...]) -> None:
    done = CliRunner().invoke(root, ["--lang", "en", *command, str(shipped(system))])
    assert done.exit_code == 0, done.output
    assert "warning" not in done.output


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_shipped_model_says_what_the_reference_model_says(system: str) -> None:
    ours = document(shipped(system) / "model.yaml").model_dump(exclude={"ldap"})
    theirs = document(REPOSITORY / "tests" / "data" / "systems" / f"{system}.model.yaml").model_dump(
        exclude={"ldap"}
    )
    assert untitled(ours) == untitled(theirs)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_kind_and_role_has_a_title_in_both_languages(system: str) -> None:
    found = document(shipped(system))
    named = {**found.kinds, **found.roles}
    assert [name for name, one in named.items() if set(one.title) != {"en", "fr"}] == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_everybody_has_a_name_and_an_address_that_cannot_exist(system: str) -> None:
    people = document(shipped(system)).people
    assert 6 <= len(people) <= 15
    for address, person in people.items():
        assert address.endswith(".example")
        assert person.given_name
        assert person.family_name


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_example_of_its_page_is_valid_with_its_model(system: str, tmp_path: Path) -> None:
    page = REPOSITORY / "docs" / "en" / "systems" / f"{system}.md"
    (example,) = [block.text for block in blocks(page) if block.language == "yaml"]
    (tmp_path / "model.yaml").write_text((shipped(system) / "model.yaml").read_text("utf-8"), "utf-8")
    (tmp_path / "units.yaml").write_text(f"syncd: 1\n{example}", "utf-8")
    done = CliRunner().invoke(root, ["--lang", "en", "validate", str(tmp_path)])
    assert done.exit_code == 0, done.output


def test_the_matrix_has_every_documented_cell() -> None:
    counts = {system: sum(map(len, roles.values())) for system, roles in MATRIX.items()}
    assert counts == {"dastra": 18, "docspace": 120, "universign": 91, "todoist": 33, "datasud": 30}


def test_each_of_the_twenty_five_checks_has_a_test_named_after_it() -> None:
    tests = "\n".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert {int(number) for number in re.findall(r"^def test_(\d\d)_", tests, re.MULTILINE)} == set(
        range(1, 26)
    )
