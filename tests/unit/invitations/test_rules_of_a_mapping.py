"""What the file says of invitations: as rules, and as actions of the mailed link."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.inviting import mailed_actions, rules_of
from syncd.mapping.schema_rules import Invitations
from syncd.settings.models import MailRule

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
PASSWORD, PROFILE, VERIFY = "UPDATE_PASSWORD", "UPDATE_PROFILE", "VERIFY_EMAIL"


@pytest.mark.parametrize(
    ("sets", "actions", "mailed"),
    [
        ([], None, (PASSWORD, PROFILE, VERIFY)),
        ([], [PASSWORD], (PASSWORD,)),
        (["given_name", "family_name", "password"], None, (PASSWORD, PROFILE, VERIFY)),
        (["password"], None, (PASSWORD, VERIFY)),
        (["given_name"], None, (PROFILE, VERIFY)),
        (["attributes.phone", "password"], [VERIFY], (VERIFY, PASSWORD, PROFILE)),
        (["password", "email"], [PASSWORD, "TERMS_AND_CONDITIONS"], (PASSWORD, "TERMS_AND_CONDITIONS")),
    ],
)
def test_the_mailed_link_asks_for_what_the_invitee_sets(
    sets: list[str], actions: list[str] | None, mailed: tuple[str, ...]
) -> None:
    said: dict[str, object] = {"invitee": {"sets": sets}}
    document = Invitations.model_validate(said if actions is None else said | {"actions": actions})
    assert mailed_actions(document) == mailed


def test_every_rule_comes_from_its_key() -> None:
    document = Invitations.model_validate(
        {
            "channels": {"email": {"valid_for": "P10D"}},
            "activation": "idp",
            "grant_at": "creation",
            "domains": ["acme.example"],
            "resend": {"when": ["expired"], "voids_previous": True},
            "reminders": ["P3D", "PT1H"],
            "notify": {"inviter": ["accepted", "failed"]},
            "limits": {"per_unit_per_day": 3, "per_person_per_day": 2},
        }
    )
    rules = rules_of(document, 7, MailRule(only=("acme.example",)), NOW)
    assert (rules.valid_for, rules.activation, rules.grant_at) == (timedelta(days=10), "idp", "creation")
    assert (rules.domains, rules.notify) == ({"acme.example"}, {"accepted", "failed"})
    assert (rules.resend_when, rules.voids_previous) == ({"expired"}, True)
    assert rules.reminders == (timedelta(days=3), timedelta(hours=1))
    assert (rules.per_unit_per_day, rules.per_person_per_day, rules.per_day) == (3, 2, 7)
    assert (rules.mail_mode, rules.mail_domains) == ("only", {"acme.example"})
