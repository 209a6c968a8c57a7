"""Problems: the line with its caret, annotations that no name breaks out of, commands on files."""

import json
from base64 import b64decode
from pathlib import Path

import pytest

from syncd.app_types import ValidationResult
from syncd.errors import MappingInvalid, Place, Problem
from syncd.render.problems import github_annotations, problems_page
from tests.unit.cli.test_plan_screen import text_of

LINES = ["syncd: 1", "  équipe: [x]", "\tréf: 漢字 bad"]


def problem(line: int, column: int, severity: str = "error") -> Problem:
    return Problem(Place("m.yaml", line, column), "teams.x", "is wrong", "write y", severity)


def test_the_line_stands_below_with_a_caret():
    text = text_of(problems_page([problem(2, 3)], {"m.yaml": LINES}))
    assert text == ("m.yaml:2:3: teams.x: is wrong; write y\n    2 |   équipe: [x]\n      |   ^\n\n1 error\n")


def test_the_caret_stands_right_behind_wide_characters_and_tabs():
    text = text_of(problems_page([problem(3, 10)], {"m.yaml": LINES})).splitlines()
    assert text[1].encode() == b"    3 |  r\xc3\xa9f: \xe6\xbc\xa2\xe5\xad\x97 bad"
    assert text[2] == "      |            ^"  # two wide characters take four cells


@pytest.mark.parametrize("place", [Place("m.yaml", 99, 1), Place("gone.yaml", 1, 1)])
def test_a_line_that_is_not_there_is_left_out(place):
    text = text_of(problems_page([Problem(place, "", "is wrong")], {"m.yaml": LINES}))
    assert text == f"{place}: is wrong\n\n1 error\n"


def test_problems_come_in_the_order_of_their_places_and_are_counted():
    text = text_of(problems_page([problem(3, 1, "warning"), problem(1, 1), problem(2, 1)], {}))
    assert [line.split(":")[1] for line in text.splitlines() if line.startswith("m.yaml")] == ["1", "2", "3"]
    assert text.endswith("2 errors, 1 warning\n")


def test_annotations_cannot_be_broken_out_of():
    bad = Problem(Place("a,b:c%.yaml", 4, 5), "x", "one\ntwo 100%", severity="warning")
    assert github_annotations([bad]) == [
        "::warning file=a%2Cb%3Ac%25.yaml,line=4,col=5::x: one%0Atwo 100%25",
    ]


class TestValidate:
    @pytest.fixture
    def found(self, monkeypatch, tmp_path):
        """What checking the one file `m.yaml` finds."""

        def set_(*problems: Problem) -> str:
            file = tmp_path / "m.yaml"
            file.write_text("syncd: 1\n")
            result = ValidationResult(problems, {"m.yaml": LINES}, 1, 2, 1, 1234)
            monkeypatch.setattr("syncd.cli.files.validate_paths", lambda _paths: result)
            return str(file)

        return set_

    def test_a_valid_file_is_counted(self, call, found):
        result = call("validate", found())
        assert (result.code, result.out) == (0, "Valid: 1 mapping, 2 units, 1 person, 1,234 assignments\n")

    def test_an_invalid_file_answers_65_with_the_line(self, call, found):
        result = call("validate", found(problem(2, 3)))
        assert result.code == 65
        assert "    2 |   équipe: [x]" in result.out

    def test_warnings_alone_are_valid(self, call, found):
        result = call("validate", found(problem(2, 3, "warning")))
        assert result.code == 0
        assert "1 warning" in result.out

    def test_github_gets_annotations_only(self, call, found):
        out = call("validate", "--output", "github", found(problem(2, 3))).out
        assert out == "::error file=m.yaml,line=2,col=3::teams.x: is wrong; write y\n"

    def test_json_has_every_problem(self, call, found):
        document = json.loads(call("validate", "--output", "json", found(problem(2, 3))).out)
        assert (document["valid"], document["assignments"], len(document["problems"])) == (False, 1234, 1)

    def test_a_name_is_looked_for_in_syncd_yaml(self, call, app):
        assert call("validate", "acme").code == 0
        assert app.acts == [("validate", "acme")]
        assert call("validate", "acmee").code == 64


class TestFmt:
    UNTIDY = "syncd: 1\norganizations:\n    acme:\n        title: Acme # ours\n"

    def test_a_file_is_formatted_in_place_and_then_left_alone(self, call, tmp_path):
        file = tmp_path / "m.yaml"
        file.write_text(self.UNTIDY)
        assert call("fmt", "--check", str(file)).code == 1
        assert file.read_text() == self.UNTIDY
        assert call("fmt", str(file)).code == 0
        assert "# ours" in file.read_text()
        assert file.read_text() != self.UNTIDY
        assert call("fmt", "--check", str(tmp_path)).code == 0

    def test_the_difference_can_be_seen(self, call, tmp_path):
        (tmp_path / "m.yaml").write_text(self.UNTIDY)
        assert "-    acme:" in call("fmt", "--check", "--diff", str(tmp_path)).out

    def test_a_file_that_is_no_yaml_answers_65(self, call, tmp_path):
        (tmp_path / "m.yaml").write_text("a: [")
        assert call("fmt", str(tmp_path)).code == 65

    def test_a_file_in_another_encoding_is_named_and_left_alone(self, call, tmp_path):
        (tmp_path / "m.yaml").write_bytes("title: Zoé\n".encode("latin-1"))
        result = call("fmt", str(tmp_path))
        assert (result.code, "m.yaml:1:10: byte 0xe9 is not UTF-8" in result.err) == (65, True)
        assert (tmp_path / "m.yaml").read_bytes() == b"title: Zo\xe9\n"


class TestInit:
    def test_what_init_writes_is_valid(self, call, tmp_path):
        assert call("init", "--name", "ops", str(tmp_path)).code == 0
        result = call("validate", str(tmp_path / "mappings" / "ops.yaml"))
        assert result.code == 0, result.out
        assert "2 units" in result.out
        assert call("--config", str(tmp_path / "syncd.yaml"), "config", "show").code == 0

    def test_init_makes_a_key_that_only_its_owner_reads(self, call, tmp_path):
        assert call("init", str(tmp_path)).code == 0
        key = tmp_path / "syncd.key"
        assert len(b64decode(key.read_text(), validate=False)) == 32
        assert key.stat().st_mode & 0o077 == 0

    def test_nothing_is_overwritten(self, call, tmp_path):
        (tmp_path / "syncd.yaml").write_text("mine")
        result = call("init", str(tmp_path))
        assert result.code == 64
        assert (tmp_path / "syncd.yaml").read_text() == "mine"
        assert not (tmp_path / "mappings").exists()

    def test_a_name_that_cannot_be_an_id_is_refused(self, call, tmp_path):
        assert call("init", "--name", "Ops Team", str(tmp_path)).code == 64


def test_the_schema_is_json(call):
    assert json.loads(call("schema").out)["$schema"].startswith("https://json-schema.org/")


def test_an_excerpt_of_a_mapping_is_shown_with_a_failure(call, app, tmp_path):
    file = tmp_path / "m.yaml"
    file.write_text("syncd: 1\nteams: wrong\n")
    app.error = MappingInvalid([Problem(Place(str(file), 2, 8), "teams", "is wrong")])
    assert "    2 | teams: wrong" in call("plan").err
    assert Path(file).exists()
