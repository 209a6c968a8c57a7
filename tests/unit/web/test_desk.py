"""The API goes by the operator's file as it is now, in whatever process it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.web.desk import Desk
from syncd.web.problems import Problem

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "environment: test\nstore: sqlite:syncd.db\napi: {{audience: {}}}\n"


@pytest.mark.parametrize(
    ("text", "audience"),
    [(TEXT.format("after"), "after"), ("environment: [\n", "before")],
    ids=["valid", "invalid"],
)
def test_a_change_of_syncd_yaml_counts_from_the_next_request_if_it_is_valid(
    tmp_path: Path, text: str, audience: str
) -> None:
    file = tmp_path / "syncd.yaml"
    file.write_text(TEXT.format("before"), "utf-8")
    desk = Desk(file)
    file.write_text(text, "utf-8")
    with pytest.raises(Problem):
        desk.caller("acme", "a token of nobody")
    assert desk.files.settings.api.audience == audience


@pytest.mark.parametrize(
    ("stands", "begins"), [("", "acme/"), ("elsewhere", "{}/acme/")], ids=["above", "beside"]
)
def test_places_lose_the_folder_of_their_mapping_wherever_the_process_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stands: str, begins: str
) -> None:
    for name in ("acme", "elsewhere"):
        (tmp_path / name).mkdir()
    file = tmp_path / "syncd.yaml"
    file.write_text(TEXT.format("any") + f"mappings: {{acme: {{from: {tmp_path}/acme}}}}\n", "utf-8")
    monkeypatch.chdir(tmp_path / stands)
    assert Desk(file).folder("acme") == begins.format(tmp_path)
