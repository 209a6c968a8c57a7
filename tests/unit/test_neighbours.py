"""What other mappings claim is worked out once for each version of their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.app import files, neighbours
from syncd.app.neighbours import Neighbours
from syncd.errors import MappingInvalid
from syncd.settings import load as load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.mapping.compiled import Compiled
    from syncd.settings import Settings

ACME = "syncd: 1\nmapping: {name}\nkinds: {{organization: {{}}}}\nroles: {{member: {{}}}}\n"
ACME += 'keycloak: {{group: "/{group}/{{path}}"}}\norganizations: {{acme: {{}}}}\n'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Three mappings that share nothing, on a Keycloak that nobody asks."""
    names = ("one", "two", "three")
    for name in names:
        write(tmp_path, name, name)
    (tmp_path / "kc").write_text("secret")
    (tmp_path / "syncd.yaml").write_text(
        "environment: test\nstore: sqlite:syncd.db\nconnections:\n"
        "  sso: {type: keycloak, url: 'http://127.0.0.1:1', realm: r, client_id: c, "
        "client_secret: {file: kc}}\nmappings:\n"
        + "".join(f"  {name}: {{from: {name}.yaml}}\n" for name in names)
    )
    return load_settings(tmp_path / "syncd.yaml")


def write(folder: Path, name: str, group: str) -> None:
    (folder / f"{name}.yaml").write_text(ACME.format(name=name, group=group))


def compiled(settings: Settings, name: str) -> Compiled:
    return neighbours.compile_mapping(
        files.load_mapping(settings, name), {}, neighbours.datetime.now().date()
    )


def test_a_group_of_another_mapping_is_refused_as_soon_as_its_file_claims_it(
    settings: Settings, tmp_path: Path
) -> None:
    beside, mine = Neighbours(), compiled(settings, "one")
    beside.refuse_clashes(settings, "one", mine)
    write(tmp_path, "two", "one")
    with pytest.raises(MappingInvalid, match=r'group /one is managed by the mapping "one"'):
        beside.refuse_clashes(settings, "one", mine)


def test_a_neighbour_is_compiled_once_however_many_mappings_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = {name: compiled(settings, name) for name in settings.mappings}
    asked: list[str] = []
    real = neighbours.compile_mapping
    monkeypatch.setattr(
        neighbours,
        "compile_mapping",
        lambda loaded, *more: asked.append(loaded.document.mapping) or real(loaded, *more),
    )
    beside = Neighbours()
    for _ in range(3):
        for name, one in mine.items():
            beside.refuse_clashes(settings, name, one)
    assert sorted(asked) == sorted(settings.mappings)


def test_the_version_in_force_counts_and_not_what_the_file_has_become(
    settings: Settings, tmp_path: Path
) -> None:
    beside = Neighbours({"two": files.load_mapping(settings, "two")}.get)
    write(tmp_path, "two", "one")
    beside.refuse_clashes(settings, "one", compiled(settings, "one"))


def test_a_broken_neighbour_claims_nothing(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text("syncd: 1\norganizations: nonsense\n")
    Neighbours().refuse_clashes(settings, "one", compiled(settings, "one"))
