"""Whatever stands in a file, it is read or refused with its place; nothing else happens."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.errors import MappingInvalid, Problem
from syncd.mapping import load

SYSTEMS = sorted((Path(__file__).parents[2] / "data" / "systems").glob("*.model.yaml"))
DATA = """\
syncd: 1
people: {ann: {email: ann@acme.example, until: 2027-01-01}}
rosters: {hr: {csv: hr.csv, columns: {email: Mail}}}
policy: {removals: {per_day: "10%"}, protected: [ann]}
keycloak: {permissions: scoped, attributes: {a: "{title}"}}
ldap: {base: "dc=example", only: {kinds: [team]}}
organizations:
  acme:
    title: {en: Acme}
    formerly: [old]
    grants: {admin: [grafana/editor]}
    members: {admin: [ann, {roster: hr, where: {a: [b]}}, {members_of: "..", role: member}]}
    teams: {one: {members: [ann]}, two: {members: unmanaged}}
"""
TEXTS = [*(path.read_text("utf-8") for path in SYSTEMS), DATA]
WORDS = [
    "null",
    "[]",
    "{}",
    "x",
    "3",
    "true",
    "-1",
    '""',
    "[[]]",
    "{a: {}}",
    "*a",
    "&a b",
    "!!str x",
    "..",
    "{",
    "'",
    "§off",
]


def outcome(text: str) -> None:
    """Read the text; a refusal has a place for everything it says."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "acme.yaml")
        path.write_text(text, "utf-8")
        problems: tuple[Problem, ...] | None = None
        try:
            load(path, name="acme")
        except MappingInvalid as error:
            problems = error.problems
    if problems is not None:
        assert any(problem.severity == "error" for problem in problems)
        assert {problem.place.file for problem in problems} == {str(path)}
        assert all(1 <= problem.place.line <= text.count("\n") + 2 for problem in problems)


@settings(max_examples=300, deadline=None)
@given(text=st.sampled_from(TEXTS), data=st.data())
def test_a_value_replaced_by_any_other_is_read_or_refused(text, data):
    values = [
        at for at, sign in enumerate(text) if sign in ":,[{-" and text[at + 1 : at + 2] in (" ", "a", "{")
    ]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.sampled_from(values))
        end = min(
            (each for each in (text.find(sign, at + 1) for sign in ",\n]}") if each > 0), default=len(text)
        )
        text = f"{text[: at + 1]} {data.draw(st.sampled_from(WORDS))}{text[end:]}"
    outcome(text)


@settings(max_examples=150, deadline=None)
@given(text=st.sampled_from(TEXTS), data=st.data())
def test_lines_lost_or_swapped_are_read_or_refused(text, data):
    lines = text.splitlines(keepends=True)
    lost = data.draw(st.lists(st.integers(1, len(lines) - 1), max_size=3))
    kept = [line for number, line in enumerate(lines) if number not in lost]
    here, there = data.draw(st.tuples(*[st.integers(0, len(kept) - 1)] * 2))
    kept[here], kept[there] = kept[there], kept[here]
    outcome("".join(kept))


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_read_or_refused(text):
    outcome(f"syncd: 1\n{text}")
