"""Whole texts of refusals: who, what, to whom, where, by which rule at which line, what to do.

`refusals.txt` has one block each: `### what it shows`, `ACTOR VERB PERSON UNIT ROLE` with more as
`name=value`, before it what is changed in the firm as `NAME state=…` or `NAME ROLE UNIT`, then the text.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from syncd.administration import Held
from tests.unit.administration.firm import firm
from tests.unit.administration.worlds import steps

BLOCKS = (Path(__file__).parent / "refusals.txt").read_text(encoding="utf-8").split("### ")[1:]


def parsed(block):
    title, rest = block.split("\n", 1)
    said, text = rest.split("===\n")
    *changes, question = said.strip().splitlines()
    return title, changes, question, text.strip()


@pytest.mark.parametrize(("title", "changes", "question", "text"), [parsed(block) for block in BLOCKS])
def test_a_refusal_says(title, changes, question, text):
    town = firm()
    for line in changes:
        change(town, line)
    asked = [part for part in question.split() if "=" not in part]
    more = dict(part.split("=", 1) for part in question.split() if "=" in part)
    if "until" in more:
        more["until"] = date.fromisoformat(more["until"])
    actor, *rest = asked
    decision = town.ask("" if actor == "nobody" else actor, *rest, **more)
    assert not decision.allowed
    assert str(decision) == text


def change(town, line):
    """One line of what is different: an account, somebody's role, or one who only waits for it."""
    person, *rest = line.split()
    if rest[0].startswith("protected"):
        town.settings["protected"] = frozenset({person})
    elif "=" in rest[0]:
        town.account(person, **dict(part.split("=", 1) for part in rest))
    elif rest[0] == "-":
        town.holdings = [held for held in town.holdings if held.person != person]
    else:
        role, unit, *waits = rest
        town.put(Held(person, role, steps(unit), "invitation" if waits else "admin", waits=bool(waits)))


def test_every_check_that_refuses_has_a_text():
    rules = {
        parsed(block)[3].rpartition(" (")[2].partition(", acme.yaml")[0].partition(")")[0] for block in BLOCKS
    }
    assert {
        'administration: by "boss"', "no row of administration allows it", "kinds.desk.states", "members",
        "roles.relic.assignable", "roles.founder.assigned_by", "roles.lead.expires", "roles.guest.scope",
        "settings.guests", "change_states", "removal.requires_state", "transfer.heir_state",
        "removal.data.shared.or_chosen", "constraints.exclusive", "constraints.separation",
        "constraints.prerequisite", "roles.boss.cardinality", "policy.protected", "the memberships",
        "the invitation", "the state of the account", 'joining: by "boss"', "transfer.role",
    } <= rules  # fmt: skip
