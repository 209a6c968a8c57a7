"""Acts in few words, for tests of a small company with one team."""

from datetime import UTC, datetime

from syncd.acts import Grant

SINCE = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
HR = "email,username,given_name\nann@acme.example,ann,Ann\nbob@acme.example,bob,Bob\n"
ACME = """syncd: 1
organizations:
  acme:
    members: {admin: [ann@acme.example]}
    teams: {sre: {}}
"""


def act(who="eve@acme.example", role="member", unit="/acme", id_="g_1234", **more):
    """A membership that the operator kim gave."""
    given = {"by": "operator:kim", "since": SINCE, "person": f"p_{who.partition('@')[0]}", **more}
    return Grant(id_, "acme", unit=unit, role=role, who=who, **given)
