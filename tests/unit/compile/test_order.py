"""Law: the same files in any order, and the same rosters in any order, give an equal mapping."""

import dataclasses
import random
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.mapping import outputs
from syncd.mapping.compile import compile_mapping
from syncd.mapping.read import load
from syncd.sources.csv import CsvFormat, parse_csv

TODAY = date(2026, 11, 24)
NAMES = st.sampled_from(["ann", "bob@acme.example", "carl", "Dan@acme.example"])
HR = parse_csv("hr", b"email,dept\nann@acme.example,a\nbob@acme.example,b\n", CsvFormat(), "hr.csv")
AD = parse_csv("ad", b"email,dept\ndan@acme.example,a\n", CsvFormat(), "ad.csv")


@st.composite
def entries(draw):
    people = draw(st.lists(NAMES, unique_by=str.lower, max_size=3))
    rosters = draw(st.lists(st.sampled_from(["hr", "ad"]), unique=True, max_size=2))
    return [
        *people,
        *({"roster": name, "where": draw(st.sampled_from(["all", {"dept": "a"}]))} for name in rosters),
    ]


def members():
    return st.fixed_dictionaries({}, optional={"member": entries(), "admin": entries()})


@st.composite
def trees(draw, depth=2):
    unit = {"members": draw(members())}
    if depth:
        names = draw(st.lists(st.sampled_from(["x", "y", "z"]), unique=True, max_size=3))
        unit["teams"] = {name: draw(trees(depth=depth - 1)) for name in names}
    return unit


def shuffled(value, chance):
    """The same value with the keys of every mapping in another order."""
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


def written(document, rosters):
    """The document written to a file, compiled, without the places and digests, which may differ."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "acme.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        compiled = compile_mapping(load(path, name="acme"), rosters, TODAY)
    assignments = [dataclasses.replace(each, place=None, rule="") for each in compiled.assignments]
    state = outputs.render(compiled, "keycloak", "test", None).state
    frozen = set(compiled.frozen)
    people = {ref: dataclasses.replace(entry, place=None) for ref, entry in compiled.people.items()}
    roles = {name: dataclasses.replace(role, place=None) for name, role in compiled.roles.items()}
    return assignments, state, frozen, people, roles, compiled.refs, list(compiled.units)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["acme", "apex"]), trees(), min_size=1), st.integers())
def test_the_order_of_keys_and_rosters_changes_nothing(organizations, seed):
    rosters = {name: {"csv": f"{name}.csv", "columns": {"email": "email"}} for name in ("hr", "ad")}
    document = {"syncd": 1, "rosters": rosters, "organizations": organizations}
    again = shuffled(document, random.Random(seed))
    assert written(document, {"hr": HR, "ad": AD}) == written(again, {"ad": AD, "hr": HR})


def test_one_mapping_in_several_files_is_the_mapping_in_one(compiled):
    one = compiled(
        {
            "a.yaml": "syncd: 1\norganizations: {acme: {members: {member: [ann]}}}\n",
            "b.yaml": "syncd: 1\nunder: /acme\nteams: {sre: {members: {member: [bob]}}}\n",
        }
    )
    below = "teams: {sre: {members: {member: [bob]}}}"
    other = compiled(f"syncd: 1\norganizations: {{acme: {{members: {{member: [ann]}}, {below}}}}}\n")
    assert [(each.unit, each.role, each.who) for each in one.assignments] == [
        (each.unit, each.role, each.who) for each in other.assignments
    ]


def test_the_same_files_give_an_equal_value(compiled):
    files = {
        "one.yaml": "syncd: 1\norganizations: {acme: {members: {member: [ann, bob]}}}\n",
        "two.yaml": "syncd: 1\norganizations: {acme: {members: {member: [carl]}, teams: {sre: {}}}}\n",
    }
    assert compiled(files) == compiled(dict(reversed(files.items())))
