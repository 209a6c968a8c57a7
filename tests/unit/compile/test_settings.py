"""What settings take from the members: guests where guests are turned off; and which units are private."""

from syncd.mapping import outputs
from syncd.model import Key, Kind

MODEL = """syncd: 1
kinds: {team: {}, club: {within: team, access: [public, private]}}
roles: {member: {}, guest: {external: true}}
settings: {guests: SETTING}
teams:
  acme:
    members: {member: [ann@acme.example]}
    clubs:
      open: {members: {guest: [gil@pals.example]}}
      shut: {access: private, settings: {guests: false}, members: {guest: [gil@pals.example]}}
"""


def given(compiled, setting):
    """(who, unit) of everything that targets show, and of all that is held."""
    found = compiled(MODEL.replace("SETTING", setting))
    shown = {(one.who, one.unit[-1]) for one in found.given}
    return shown, {(one.who, one.unit[-1]) for one in found.assignments}


def test_guests_stay_where_guests_are_turned_off_unless_they_are_suspended(compiled):
    shown, held = given(compiled, "{when_disabled: block_new}")
    assert shown == held
    assert ("gil@pals.example", "shut") in shown


def test_suspended_guests_hold_their_roles_and_are_shown_nowhere(compiled):
    shown, held = given(compiled, "{when_disabled: suspend}")
    assert held - shown == {("gil@pals.example", "shut")}
    shown, held = given(compiled, "{default: false, when_disabled: suspend}")
    assert held - shown == {("gil@pals.example", "shut"), ("gil@pals.example", "open")}


def test_a_unit_that_is_not_as_open_as_others_says_so_in_its_group(compiled):
    found = outputs.render(
        compiled(MODEL.replace("SETTING", "true")), "keycloak", "test", None, outputs.Reach()
    )
    access = {
        place[-1]: found.state[Key(Kind.GROUP, place)].get("attribute:access")
        for place in (("acme", "open"), ("acme", "shut"))
    }
    assert access == {"open": None, "shut": ("private",)}
