"""Laws of merging: how a mapping is cut into files says nothing, and their order says nothing."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.mapping import load
from syncd.mapping.merge import merge, plurals_in
from syncd.mapping.tree import parse, plain

NAMES = st.sampled_from(["a", "b", "c", "Été", "x.y"])
PEOPLE = st.lists(
    st.sampled_from([f"p{number}@acme.example" for number in range(9)]), unique=True, max_size=4
)
MEMBERS = st.dictionaries(st.sampled_from(["member", "admin"]), PEOPLE)
LEAVES = st.fixed_dictionaries({}, optional={"title": st.sampled_from(["One", "Two"]), "members": MEMBERS})
DEEPEST = 5  # teams in a team, so that no file is deeper than `MAX_DEPTH` allows


def teams_below(depth: int) -> st.SearchStrategy[dict]:
    """A team with up to so many teams in one another below it."""
    if not depth:
        return LEAVES
    below = st.dictionaries(NAMES, st.deferred(lambda: teams_below(depth - 1)), max_size=3)
    return LEAVES | st.builds(lambda unit, teams: {**unit, "teams": teams}, LEAVES, below)


TEAMS = teams_below(DEEPEST)
ROOTS = st.dictionaries(NAMES, TEAMS, min_size=1, max_size=3)


def facts(unit: dict, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], object]]:
    """Everything a unit says, one statement each: (keys, value), a member being one statement."""
    found: list[tuple[tuple[str, ...], object]] = []
    for key, value in unit.items():
        if isinstance(value, dict):
            found += facts(value, (*path, key)) or [((*path, key), {})]
        elif isinstance(value, list):
            found += [((*path, key), [each]) for each in value] or [((*path, key), [])]
        else:
            found.append(((*path, key), value))
    return found


def put(into: dict, keys: tuple[str, ...], value: object) -> None:
    for key in keys[:-1]:
        into = into.setdefault(key, {})
    if isinstance(value, list):
        into.setdefault(keys[-1], []).extend(value)
    else:
        into[keys[-1]] = value


def sorted_members(document: dict) -> dict:
    """The document with lists in order, which is the only trace that the cut may leave."""
    return json.loads(
        json.dumps(document, sort_keys=True),
        object_hook=lambda each: {
            key: sorted(value, key=str) if isinstance(value, list) else value for key, value in each.items()
        },
    )


@settings(max_examples=60, deadline=None)
@given(roots=ROOTS, data=st.data())
def test_a_mapping_cut_into_files_means_what_it_means_in_one(roots, data):
    whole = {"syncd": 1, "organizations": roots}
    parts: list[dict] = [{"syncd": 1} for _ in range(3)]
    for keys, value in facts({"organizations": roots}):
        put(parts[data.draw(st.integers(0, 2))], keys, value)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as three:
        Path(one, "all.yaml").write_text(json.dumps(whole), "utf-8")
        for number, part in enumerate(parts):
            Path(three, f"{number}.yaml").write_text(json.dumps(part), "utf-8")
        together, apart = (load(folder, name="acme").document for folder in (one, three))
    dumped = [
        sorted_members(each.model_dump(mode="json", exclude_defaults=True)) for each in (together, apart)
    ]
    assert dumped[0] == dumped[1]


@settings(max_examples=60, deadline=None)
@given(roots=ROOTS, data=st.data())
def test_the_order_of_the_files_says_nothing(roots, data):
    parts: list[dict] = [{"syncd": 1} for _ in range(3)]
    for keys, value in facts({"organizations": roots}):
        put(parts[data.draw(st.integers(0, 2))], keys, value)
    texts = [json.dumps(part).encode() for part in parts]
    order = data.draw(st.permutations(texts))
    merged = []
    for each in (texts, order):
        trees = [parse(text, f"{texts.index(text)}.yaml")[0] for text in each]
        result = merge(trees, plurals_in(trees))
        assert result.problems == []
        merged.append(sorted_members(plain(result.root)))
    assert merged[0] == merged[1]


@settings(max_examples=40, deadline=None)
@given(teams=st.dictionaries(NAMES, TEAMS, min_size=1, max_size=3))
def test_a_fragment_means_what_its_units_mean_in_their_place(teams):
    whole = {"syncd": 1, "organizations": {"acme": {"teams": {"dsi": {"teams": teams}}}}}
    trunk = {"syncd": 1, "organizations": {"acme": {"teams": {"dsi": {}}}}}
    fragment = {"syncd": 1, "under": "/acme/dsi", "teams": teams}
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        Path(one, "all.yaml").write_text(json.dumps(whole), "utf-8")
        Path(two, "a.yaml").write_text(json.dumps(fragment), "utf-8")
        Path(two, "b.yaml").write_text(json.dumps(trunk), "utf-8")
        assert load(one, name="acme").document == load(two, name="acme").document


def test_a_fragment_may_hang_below_a_unit_of_another_fragment(tmp_path):
    (tmp_path / "a.yaml").write_text("syncd: 1\nunder: /acme/dsi/platform\nteams: {sre: {}}\n")
    (tmp_path / "b.yaml").write_text("syncd: 1\nunder: /acme/dsi\nteams: {platform: }\n")
    (tmp_path / "c.yaml").write_text("syncd: 1\norganizations: {acme: {teams: {dsi: {}}}}\n")
    document = load(tmp_path, name="acme").document
    assert [path for path, _, _ in document.walk()][-1] == ("acme", "dsi", "platform", "sre")


def test_member_lists_of_one_role_are_united_and_the_same_person_noted(tmp_path):
    for name, people in (("a", "ann, bob"), ("b", "bob, eve")):
        (tmp_path / f"{name}.yaml").write_text(
            f"syncd: 1\norganizations: {{acme: {{members: {{member: [{people}]}}}}}}\n"
        )
    loaded = load(tmp_path, name="acme")
    members = loaded.document.units["organization"]["acme"].members["member"]
    assert [entry.person for entry in members] == ["ann", "bob", "bob", "eve"]
    assert [warning.message for warning in loaded.warnings] == ['"bob" is here twice']
    assert loaded.warnings[0].place.file == f"{tmp_path}/b.yaml"
