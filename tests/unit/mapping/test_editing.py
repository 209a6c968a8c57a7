"""Formatting keeps meaning and comments; the JSON Schema accepts what syncd accepts."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.errors import MappingInvalid
from syncd.mapping import load
from syncd.mapping.edit import WIDTH, formatted
from syncd.mapping.json_schema import json_schema
from syncd.mapping.tree import parse, plain
from syncd.mapping.values import free_value

SYSTEMS = sorted((Path(__file__).parents[2] / "data" / "systems").glob("*.model.yaml"))

UNTIDY = """\
# who is who
syncd:   1
organizations:
    acme:   # the company
        title:    0123
        members:
            admin:
            - ann@acme.example    # since 2020

            -   {person: "bob@acme.example",   until: 2027-06-30}
            member: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@acme.example, bbbbbbbbbbbbbbb@acme.example,
                c@acme.example, d@acme.example]
"""

TIDY = """\
# who is who
syncd: 1
organizations:
  acme:     # the company
    title: 0123
    members:
      admin:
        - ann@acme.example        # since 2020

        - {person: "bob@acme.example", until: 2027-06-30}
      member:
        - aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@acme.example
        - bbbbbbbbbbbbbbb@acme.example
        - c@acme.example
        - d@acme.example
"""


def meaning(text: str) -> object:
    return plain(parse(text.encode(), "x")[0])


def test_indentation_is_made_even_and_comments_stay():
    assert formatted(UNTIDY, "a.yaml") == TIDY


@pytest.mark.parametrize("path", SYSTEMS, ids=lambda path: path.name)
def test_formatting_the_reference_models_changes_nothing_but_their_looks(path):
    text = path.read_text("utf-8")
    once = formatted(text, str(path))
    assert meaning(once) == meaning(text)
    assert formatted(once, str(path)) == once
    assert sorted(line.partition(" # ")[2] for line in text.splitlines() if " # " in line) == sorted(
        line.partition(" # ")[2] for line in once.splitlines() if " # " in line
    )


SCALARS = st.one_of(
    st.booleans(),
    st.integers(0, 99),
    st.none(),
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=50),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdeé -", min_size=1, max_size=40), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(value=st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, min_size=1))
def test_formatting_keeps_the_meaning_and_is_done_after_once(value):
    text = json.dumps(value, ensure_ascii=False)
    once = formatted(text, "x")
    assert meaning(once) == meaning(text)
    assert formatted(once, "x") == once


def test_a_line_in_brackets_that_fits_stays():
    line = "settings: {a: [" + ", ".join(["xxxxxxxx"] * 9) + "]}"
    assert len(line) <= WIDTH
    assert formatted(f"syncd: 1\n{line}\n", "x") == f"syncd: 1\n{line}\n"


def test_a_file_that_cannot_be_read_is_not_formatted():
    with pytest.raises(MappingInvalid) as raised:
        formatted("syncd: 1\na: *b\n", "a.yaml")
    assert str(raised.value) == "a.yaml:2:4: a: alias *b is not allowed; write the value again"


def errors(schema: dict, text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema)
    return sorted(error.json_path for error in validator.iter_errors(free_value(meaning(text))))


@pytest.mark.parametrize("path", SYSTEMS, ids=lambda path: path.name)
def test_the_schema_accepts_the_reference_models(path):
    text = path.read_text("utf-8")
    own = json_schema(load(path, name="x").document)
    for schema in (json_schema(), own):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert errors(schema, text) == []


DATA = """\
syncd: 1
x-note: any
keycloak: {permissions: scoped}
ldap: {people: {base: "dc=a"}, staff: {base: "dc=b"}}
settings: {guests: false, seats: {overflow: refuse}, more: 1}
people: {ann: {email: ann@acme.example, until: 2027-01-01}}
rosters: {hr: {csv: hr.csv, columns: {email: Mail}}}
spaces:
  acme:
    title: {en: Acme, fr: Acme SA}
    members:
      user: [ann, {roster: hr, where: all}, {members_of: "..", role: owner}]
    rooms:
      1: {members: unmanaged}
      two: {members: {editor: [7], room/admin: []}, state: archived}
      three:
    groups: {g: {members: [ann]}}
"""


def test_the_schema_of_a_mapping_knows_its_kinds_and_roles():
    own = json_schema(load(SYSTEMS[2], name="x").document)
    assert errors(own, DATA) == []
    assert errors(json_schema(), DATA) == []
    assert errors(own, DATA.replace("editor:", "editr:")) == ["$.spaces.acme.rooms.two.members"]
    assert errors(own, DATA.replace("rooms:", "roms:"))
    assert errors(own, DATA.replace("archived", "archvd"))
    assert errors(own, DATA + "administration: [{by: ownr, may: [invite]}]\n")
    assert errors(json_schema(), DATA + "polcy: {mode: enforce}\n")


def test_the_schema_says_what_it_is():
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "$id" in schema
    assert schema["required"] == ["syncd"]
    assert "§" not in json.dumps(schema, ensure_ascii=False)
