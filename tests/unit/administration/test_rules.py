"""What each rule allows, and what it then gives and takes; whole texts of refusals are in `refusals.txt`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from syncd.administration import Held
from tests.unit.administration.firm import MODEL, firm
from tests.unit.administration.worlds import UNITS, Town, model

SOON, LATE = date(2027, 3, 1), date(2027, 9, 1)


def gives(decision):
    return [(each.person, each.role, "/" + "/".join(each.unit)) for each in decision.gives]


def takes(decision):
    return [(each.person, each.role, "/" + "/".join(each.unit)) for each in decision.takes]


def allowed(decision):
    assert decision.allowed, str(decision)
    return decision


def refused(decision, rule):
    assert not decision.allowed
    assert decision.rule == rule, str(decision)
    assert decision.gives == decision.takes == ()
    return decision


@pytest.fixture
def acme():
    return firm()


# --- rows -----------------------------------------------------------------------------------------------


def test_an_allowed_act_names_its_row_and_what_it_gives(acme):
    decision = allowed(acme.ask("bo", "invite", "nia", "/acme", "staff"))
    assert str(decision) == (
        'bo ("boss" in /acme) may invite nia as "staff" to /acme (administration: by "boss", acme.yaml:20:5)'
    )
    assert gives(decision) == [("nia", "staff", "/acme")]
    assert takes(decision) == []


def test_a_role_that_inherits_the_one_of_the_row_counts(acme):
    assert allowed(acme.ask("fay", "invite", "nia", "/acme", "staff"))


def test_below_reaches_units_below_and_same_does_not(acme):
    assert allowed(acme.ask("bo", "add", "sue", "/acme/front", "clerk"))
    assert allowed(acme.ask("lea", "add", "sue", "/acme/front", "clerk", until=SOON))
    assert not acme.ask("lea", "add", "sue", "/acme/back", "clerk", until=SOON).allowed


def test_a_scope_of_a_kind_reaches_units_of_that_kind_only():
    text = MODEL.replace("{by: boss, may: [disable, edit, delete]", "{by: boss, scope: desk, may: [disable]")
    town = Town.of(text).give("bo", "boss", "/acme").give("sam", "staff", "/acme")
    assert "whom /acme cannot have" in town.ask("bo", "disable", "sam", "/acme", "staff").reason


def test_enabling_follows_the_row_of_disabling(acme):
    acme.account("sam", state="disabled")
    assert allowed(acme.ask("bo", "enable", "sam", "/acme", "staff"))
    assert not acme.ask("sue", "enable", "sam", "/acme", "staff").allowed


def test_cancelling_follows_the_row_of_inviting_where_no_row_lists_it(acme):
    acme.put(Held("nia", "staff", ("acme",), "invitation", waits=True), state="pending")
    decision = allowed(acme.ask("bo", "cancel", "nia", "/acme", "staff"))
    assert takes(decision) == [("nia", "staff", "/acme")]
    assert allowed(acme.ask("bo", "resend", "nia", "/acme", "staff"))


def test_a_verb_that_a_row_lists_for_the_role_follows_no_other_row():
    town = Town.of(model("todoist") + UNITS["todoist"]).give("mia", "member", "/t").give("ada", "admin", "/t")
    town.put(Held("nia", "member", ("t",), "invitation", waits=True), state="pending")
    assert allowed(town.ask("ada", "resend", "nia", "/t", "member"))
    assert 'asks for "admin" in /t' in town.ask("mia", "resend", "nia", "/t", "member").reason


def test_only_a_row_with_self_is_for_oneself(acme):
    assert takes(allowed(acme.ask("sam", "remove", "sam", "/acme", "staff"))) == [("sam", "staff", "/acme")]
    assert "nobody does this to oneself" in acme.ask("bea", "disable", "bea", "/acme", "boss").reason


def test_what_is_given_under_a_row_with_until_ends_by_then(acme):
    assert allowed(acme.ask("lea", "add", "sue", "/acme/front", "clerk", until=SOON))
    assert not acme.ask("lea", "add", "sue", "/acme/front", "clerk", until=LATE).allowed
    assert not acme.ask("lea", "add", "sue", "/acme/front", "clerk").allowed


def test_a_setting_of_a_unit_stands_over_that_of_the_mapping(acme):
    acme.account("nia", state="active")
    friend = replace(acme.accounts["nia"], address="nia@Pals.example")
    acme.accounts["nia"] = friend
    assert allowed(acme.ask("sam", "invite", "nia", "/acme/front", "guest"))
    assert 'the setting "parties" is off in /acme/back' in (
        acme.ask("sam", "invite", "nia", "/acme/back", "guest").reason
    )


def test_an_act_outside_for_is_not_bound_by_the_setting():
    text = model("todoist") + UNITS["todoist"].replace(
        "t: {projects", "t: {settings: {guests: false}, projects"
    )
    town = Town.of(text).give("ada", "admin", "/t").give("gus", "guest", "/t/p")
    assert 'the setting "guests" is off in /t/p' in town.ask("ada", "invite", "nia", "/t/p", "guest").reason
    assert allowed(town.ask("ada", "remove", "gus", "/t/p", "guest"))
    assert allowed(town.ask("ada", "invite", "nia", "/t", "member"))


def test_waiting_for_an_invitation_gives_no_power(acme):
    acme.put(Held("nia", "boss", ("acme",), "invitation", waits=True))
    assert not acme.ask("nia", "invite", "ned", "/acme", "staff").allowed


def test_short_names_of_roles_in_rows_mean_the_only_role_called_so():
    town = Town.of(
        "syncd: 1\nroles: {desk/lead: {}, desk/clerk: {}}\n"
        "administration: [{by: lead, may: [add], target: [clerk]}]\norganizations: {acme: {}}\n"
    ).give("lea", "desk/lead", "/acme")
    assert gives(allowed(town.ask("lea", "add", "sue", "/acme", "clerk"))) == [("sue", "desk/clerk", "/acme")]


SMALL = """syncd: 1
{more}
administration: [{{by: admin, may: [add, change, remove, transfer], target: [member, admin, treasurer]{row}}}]
organizations: {{acme: {{settings: {{x: 1}}, teams: {{core: {{}}}}}}}}
"""
THREE = "roles: {member: {}, admin: {inherits: [member]}, treasurer: {assigned_by: transfer%s}}\n%s"


def small(more=THREE % ("", ""), row=""):
    """Ann administers acme, bob is a member of it and of its core team."""
    town = Town.of(SMALL.format(more=more, row=row)).give("ann", "admin", "/acme")
    return town.give("bob", "member", "/acme").give("bob", "member", "/acme/core")


def test_a_row_of_the_same_unit_does_not_reach_below():
    assert not small().ask("ann", "add", "cal", "/acme/core", "member").allowed
    assert allowed(small(row=", scope: below").ask("ann", "add", "cal", "/acme/core", "member"))


def test_a_change_in_one_unit_leaves_the_role_below_alone():
    decision = allowed(small().ask("ann", "change", "bob", "/acme", "member", to="admin"))
    assert takes(decision) == [("bob", "member", "/acme")]


@pytest.mark.parametrize(
    ("settings", "name", "on"),
    [
        ("{}", "guests", True),
        ("{guests: false}", "guests", False),
        ("{guests: {default: false}}", "guests", False),
        ("{guests: {default: true, when_disabled: suspend}}", "guests", True),
        ("{parties: true}", "parties", True),
        ("{parties: {late: true}}", "parties.late", True),
        ("{parties: {late: false}}", "parties.late", False),
        ("{parties: {late: true}}", "parties", False),
        ("{parties: 1}", "parties", False),
        ("{seats: {overflow: refuse}}", "seats.overflow", False),
    ],
)
def test_a_row_counts_while_its_setting_is_true(settings, name, on):
    row = f", scope: below, if: {{setting: {name}}}"
    town = small(THREE % ("", f"settings: {settings}"), row)
    assert town.ask("ann", "add", "cal", "/acme/core", "member").allowed is on


# --- accounts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authority", ["ldap", "idp", "file"])
def test_an_account_of_another_authority_is_not_ours_to_touch(acme, authority):
    acme.account("sam", authority=authority)
    for verb in ("disable", "edit"):
        decision = acme.ask("bo", verb, "sam", "/acme", "staff")
        assert f"authority={authority}" in decision.reason
        assert not acme.ask("operator", verb, "sam", "/acme", "staff").allowed


def test_a_row_without_authority_is_for_local_accounts_unless_it_names_another():
    text = MODEL.replace("if: {authority: local}", "if: {authority: ldap}")
    town = Town.of(text).give("bea", "boss", "/acme").give("sam", "staff", "/acme", authority="ldap")
    assert allowed(town.ask("bea", "disable", "sam", "/acme", "staff"))
    town = Town.of(MODEL.replace(", if: {authority: local}", "")).give("bea", "boss", "/acme")
    town.give("sam", "staff", "/acme", authority="ldap")
    assert "authority=ldap" in town.ask("bea", "disable", "sam", "/acme", "staff").reason


def test_an_account_is_touched_only_by_who_reaches_all_its_roles_of_the_tier(acme):
    acme.give("sam", "boss", "/rival")
    decision = acme.ask("bo", "disable", "sam", "/acme", "staff")
    assert 'asks for "boss" in /rival' in decision.reason
    assert decision.reason.endswith("an account is one for all units")
    assert allowed(acme.give("bo", "boss", "/rival").ask("bo", "disable", "sam", "/acme", "staff"))


def test_deleting_takes_everything_and_names_who_gets_the_shared_data(acme):
    acme.account("lea", state="disabled")
    decision = allowed(acme.ask("bo", "delete", "lea", "/acme", "staff"))
    assert takes(decision) == [("lea", "staff", "/acme"), ("lea", "lead", "/acme/front")]
    assert decision.heir == "bo"
    assert allowed(acme.ask("bo", "delete", "lea", "/acme", "staff", heir="fay")).heir == "fay"
    assert allowed(acme.ask("operator", "delete", "lea", "/acme", "staff")).heir == ""


@pytest.mark.parametrize("heir", ["sue", "lea", "rob", "stranger"])
def test_an_heir_of_data_is_an_active_holder_of_the_role_in_the_same_root(acme, heir):
    acme.account("lea", state="disabled")
    decision = acme.ask("bo", "delete", "lea", "/acme", "staff", heir=heir)
    refused(decision, "removal.data.shared.or_chosen")


def test_a_disabled_heir_of_data_is_refused(acme):
    acme.account("lea", state="disabled").account("bea", state="disabled")
    decision = acme.ask("bo", "delete", "lea", "/acme", "staff", heir="bea")
    assert "bea, whose account is disabled, cannot get the data" in decision.reason


def test_who_is_deleted_is_no_heir():
    town = Town.of(MODEL.replace("requires_state: disabled, ", "")).give("bea", "boss", "/acme")
    town.give("ida", "boss", "/acme")
    decision = town.ask("bea", "delete", "ida", "/acme", "boss", heir="ida")
    assert "ida, whose account is deleted, cannot get the data" in decision.reason


def test_an_heir_of_data_is_chosen_only_where_the_model_says_so():
    town = Town.of(MODEL.replace(", or_chosen: boss", "")).give("bea", "boss", "/acme")
    town.give("sam", "staff", "/acme", state="disabled")
    refused(town.ask("bea", "delete", "sam", "/acme", "staff", heir="bo"), "removal.data.shared")
    assert allowed(town.ask("bea", "delete", "sam", "/acme", "staff")).heir == "bea"


def test_accounts_are_deleted_only_where_removal_takes_accounts():
    town = Town.of(MODEL.replace("what: account, requires_state: disabled", "what: membership"))
    town.give("bea", "boss", "/acme").give("sam", "staff", "/acme", state="disabled")
    refused(town.ask("bea", "delete", "sam", "/acme", "staff"), "removal.what")


def test_a_membership_may_be_removable_only_once_the_account_is_disabled():
    town = Town.of(MODEL.replace("what: account, requires", "what: membership, requires"))
    town.give("bea", "boss", "/acme").give("sam", "staff", "/acme")
    refused(town.ask("bea", "remove", "sam", "/acme", "staff"), "removal.requires_state")
    assert allowed(town.account("sam", state="disabled").ask("bea", "remove", "sam", "/acme", "staff"))


# --- change, remove, transfer ---------------------------------------------------------------------------


def test_a_change_upwards_is_given_above_and_drops_the_old_role_there_and_below(acme):
    decision = allowed(acme.ask("bo", "change", "gus", "/acme/front", "guest", to="staff"))
    assert gives(decision) == [("gus", "staff", "/acme")]
    assert takes(decision) == [("gus", "guest", "/acme/back"), ("gus", "guest", "/acme/front")]


def test_a_change_within_a_unit_leaves_the_same_role_elsewhere(acme):
    acme.give("kim", "staff", "/acme").give("kim", "clerk", "/acme/front").give("kim", "clerk", "/acme/back")
    decision = allowed(acme.ask("lea", "change", "kim", "/acme/front", "clerk", to="lead", until=SOON))
    assert takes(decision) == [("kim", "clerk", "/acme/front")]


def test_a_removal_takes_the_role_there_and_below(acme):
    decision = allowed(acme.ask("bo", "remove", "gus", "/acme", "guest"))
    assert takes(decision) == [("gus", "guest", "/acme/back"), ("gus", "guest", "/acme/front")]


@pytest.mark.parametrize("state", ["pending", "disabled"])
def test_a_role_changes_only_in_the_states_that_the_model_names(acme, state):
    acme.account("sam", state=state)
    refused(acme.ask("bo", "change", "sam", "/acme", "staff", to="boss"), "change_states")


def test_docspace_types_change_while_pending_and_never_while_disabled():
    town = Town.of(model("docspace") + UNITS["docspace"]).give("ada", "docspace_admin", "/s")
    town.give("sam", "user", "/s", state="pending")
    assert allowed(town.ask("ada", "change", "sam", "/s", "user", to="power_user"))
    town.account("sam", state="disabled")
    assert not town.ask("ada", "change", "sam", "/s", "user", to="power_user").allowed


def test_a_transfer_gives_the_role_and_sets_the_former_holder_back(acme):
    decision = allowed(acme.ask("fay", "transfer", "bo", "/acme", "boss"))
    assert gives(decision) == [("bo", "founder", "/acme"), ("fay", "boss", "/acme")]
    assert takes(decision) == [("bo", "boss", "/acme"), ("fay", "founder", "/acme")]


def test_an_operator_transfers_from_the_only_holder(acme):
    decision = allowed(acme.ask("operator", "transfer", "bea", "/acme", "boss"))
    assert ("fay", "founder", "/acme") in takes(decision)


@pytest.mark.parametrize("state", ["pending", "disabled"])
def test_an_heir_of_a_transfer_is_active(acme, state):
    acme.account("bea", state=state)
    refused(acme.ask("fay", "transfer", "bea", "/acme", "boss"), "transfer.heir_state")


def test_a_docspace_user_is_no_heir_of_the_owner():
    town = Town.of(model("docspace") + UNITS["docspace"])
    town.give("ona", "owner", "/s").give("sam", "user", "/s").give("pam", "power_user", "/s")
    assert 'the closest row is for "power_user", "room_admin" or "docspace_admin"' in (
        town.ask("ona", "transfer", "sam", "/s", "user").reason
    )
    decision = allowed(town.ask("ona", "transfer", "pam", "/s", "power_user"))
    assert gives(decision) == [("pam", "owner", "/s"), ("ona", "docspace_admin", "/s")]
    assert takes(decision) == [("pam", "power_user", "/s"), ("ona", "owner", "/s")]


def test_of_several_holders_one_must_hand_the_role_over_oneself():
    town = Town.of(MODEL.replace("assigned_by: transfer, cardinality: {max: 1}", "assigned_by: transfer"))
    town.give("flo", "founder", "/acme").give("sam", "staff", "/acme")
    refused(town.ask("operator", "transfer", "sam", "/acme", "staff"), "transfer")
    assert ("flo", "founder", "/acme") in takes(town.ask("flo", "transfer", "sam", "/acme", "staff"))


def test_an_heir_keeps_a_role_that_goes_with_the_new_one():
    town = small(THREE % ("", "transfer: {role: treasurer, former_becomes: member}")).give(
        "tom", "treasurer", "/acme"
    )
    decision = allowed(town.ask("ann", "transfer", "bob", "/acme", "member"))
    assert takes(decision) == [("tom", "treasurer", "/acme")]
    assert gives(decision) == [("bob", "treasurer", "/acme"), ("tom", "member", "/acme")]


@pytest.mark.parametrize(
    ("inherits", "constraint"),
    [
        (", inherits: [member]", ""),
        ("", "constraints: [{exclusive: all}]\n"),
        ("", "constraints: [{exclusive: [member, treasurer], per: organization}]\n"),
    ],
)
def test_an_heir_loses_a_role_that_the_new_one_covers_or_excludes(inherits, constraint):
    town = small(THREE % (inherits, f"{constraint}transfer: {{role: treasurer}}"))
    decision = allowed(town.ask("ann", "transfer", "bob", "/acme", "member"))
    assert takes(decision) == [("bob", "member", "/acme")]


def test_only_the_role_of_the_model_is_handed_over(acme):
    refused(acme.ask("fay", "transfer", "sam", "/acme", "staff", to="boss"), "transfer.role")
    assert allowed(acme.ask("fay", "transfer", "sam", "/acme", "staff", to="founder"))


def test_a_role_is_given_in_a_unit_that_has_it(acme):
    refused(acme.ask("operator", "invite", "nia", "/acme/front", "staff"), "roles.staff.scope")


# --- joining --------------------------------------------------------------------------------------------


def test_approvers_decide_where_no_row_speaks_of_requests(acme):
    assert gives(allowed(acme.ask("bo", "approve", "nia", "/acme", "staff"))) == [("nia", "staff", "/acme")]
    assert allowed(acme.ask("bo", "refuse", "nia", "/acme"))
    assert not acme.ask("sam", "approve", "nia", "/acme", "staff").allowed
    assert not acme.ask("sam", "refuse", "nia", "/acme").allowed


def test_rows_about_requests_stand_before_the_approvers():
    text = MODEL.replace(
        "change_states:", "  - {by: founder, may: [approve], target: [staff]}\nchange_states:"
    )
    town = Town.of(text).give("bea", "boss", "/acme")
    assert not town.ask("bea", "approve", "nia", "/acme", "staff").allowed
    assert allowed(town.ask("fay", "approve", "nia", "/acme", "staff"))


def test_a_fixed_role_of_joining_is_given_without_saying_and_no_other_is():
    town = Town.of(MODEL.replace("approvers: boss", "approvers: boss, role: staff")).give(
        "bea", "boss", "/acme"
    )
    assert gives(allowed(town.ask("bea", "approve", "nia", "/acme"))) == [("nia", "staff", "/acme")]
    refused(town.ask("bea", "approve", "nia", "/acme", "boss"), "joining.role")


def test_nobody_joins_an_inactive_organization():
    text = model("datasud") + UNITS["datasud"].replace("b: {title", "b: {state: inactive, title")
    town = Town.of(text).give("dee", "delegated_administrator", "/p/b")
    refused(town.ask("dee", "approve", "nia", "/p/b", "editor"), "kinds.organization.states")
    assert allowed(town.ask("dee", "refuse", "nia", "/p/b"))


# --- settings and variants ------------------------------------------------------------------------------


def test_on_the_free_plan_everybody_is_invited_as_administrator():
    text = model("todoist").replace("plan: business", "plan: free") + UNITS["todoist"]
    town = Town.of(text).give("ada", "admin", "/t")
    assert gives(allowed(town.ask("ada", "invite", "nia", "/t"))) == [("nia", "admin", "/t")]
    decision = refused(town.ask("ada", "invite", "nia", "/t", "member"), "roles.member.assignable")
    assert decision.hint == 'give "admin" instead'


def test_a_variant_holds_for_the_root_unit_whose_settings_ask_for_it():
    text = model("todoist") + UNITS["todoist"].replace("x: {", "x: {settings: {plan: free}, ")
    town = Town.of(text).give("ada", "admin", "/t").give("ada", "admin", "/x")
    assert gives(allowed(town.ask("ada", "invite", "nia", "/t"))) == [("nia", "member", "/t")]
    assert gives(allowed(town.ask("ada", "invite", "nia", "/x"))) == [("nia", "admin", "/x")]


def test_where_guests_are_off_no_external_role_is_given_whatever_the_row_says(acme):
    refused(acme.ask("bo", "add", "nia", "/acme/quiet", "guest"), "settings.guests")
    refused(acme.ask("operator", "invite", "nia", "/acme/quiet", "guest"), "settings.guests")
    assert allowed(acme.ask("bo", "add", "nia", "/acme/back", "guest"))


# --- guests and members ---------------------------------------------------------------------------------


def test_a_member_becomes_a_guest_by_leaving_and_being_invited():
    town = Town.of(model("todoist") + UNITS["todoist"]).give("ada", "admin", "/t").give("mia", "member", "/t")
    for actor in ("ada", "operator"):
        decision = town.ask(actor, "change", "mia", "/t", "member", to="guest")
        assert decision.hint == 'remove mia as "member" from /t first, then invite mia as "guest"'
        assert town.ask(actor, "invite", "mia", "/t/p", "guest").hint == decision.hint
    removed = allowed(town.ask("ada", "remove", "mia", "/t", "member"))
    town.holdings = [held for held in town.holdings if held.membership not in removed.takes]
    assert allowed(town.ask("ada", "invite", "mia", "/t/p", "guest"))


def test_an_administrator_does_not_become_a_guest_either():
    town = Town.of(model("todoist") + UNITS["todoist"]).give("ada", "admin", "/t").give("bob", "admin", "/t")
    decision = town.ask("ada", "change", "bob", "/t", "admin", to="guest")
    assert decision.hint == 'remove bob as "admin" from /t first, then invite bob as "guest"'


# --- the last administrator -----------------------------------------------------------------------------


@pytest.mark.parametrize(("verb", "to"), [("remove", ""), ("change", "member")])
def test_the_last_administrator_neither_leaves_nor_is_demoted(verb, to):
    text = model("todoist").replace("may: [change], from: [admin], to: [member]}", (
        "may: [change], from: [admin], to: [member], self: true}\n"
        "  - {by: admin, may: [remove], target: [admin], self: true}"
    ))  # fmt: skip
    town = Town.of(text + UNITS["todoist"]).give("ada", "admin", "/t").give("mia", "member", "/t")
    for actor in ("ada", "operator"):
        decision = town.ask(actor, verb, "ada", "/t", "admin", to=to)
        refused(decision, "roles.admin.cardinality")
        assert '0 of 1 active holders of "admin" in /t would stay, at least 1 must' in decision.reason
    town.give("bob", "admin", "/t", state="pending")
    assert not town.ask("ada", verb, "ada", "/t", "admin", to=to).allowed
    assert allowed(town.account("bob", state="active").ask("ada", verb, "ada", "/t", "admin", to=to))


def test_one_who_waits_may_go_while_an_active_administrator_stays():
    town = Town.of(model("todoist") + UNITS["todoist"]).give("ada", "admin", "/t")
    town.put(Held("nia", "admin", ("t",), "invitation", waits=True), state="pending")
    assert allowed(town.ask("ada", "cancel", "nia", "/t", "admin"))


def test_who_waits_as_the_only_administrator_is_not_cancelled_while_others_are_there():
    town = Town.of(model("todoist") + UNITS["todoist"])
    town.put(Held("nia", "admin", ("t",), "invitation", waits=True), state="pending")
    assert allowed(town.ask("operator", "cancel", "nia", "/t", "admin"))
    refused(
        town.give("mia", "member", "/t").ask("operator", "cancel", "nia", "/t", "admin"),
        "roles.admin.cardinality",
    )


def test_as_many_holders_of_privileged_roles_stay_as_the_policy_says():
    text = MODEL.replace("cardinality: {min: 1, max: 3}", "cardinality: {max: 3}")
    town = Town.of(text).give("bea", "boss", "/acme").give("sam", "staff", "/acme")
    town.settings["admins_min"] = 5  # bea, bo, fay and, who may remove themselves, pia and sam
    refused(town.ask("bo", "disable", "bea", "/acme", "boss"), "policy.admins_min")
    town.settings["admins_min"] = 4
    assert allowed(town.ask("bo", "disable", "bea", "/acme", "boss"))


def test_a_breach_that_was_there_before_stands_in_nobodys_way(acme):
    acme.give("sam", "boss", "/acme")  # beside "staff", which excludes it
    assert allowed(acme.ask("bo", "remove", "sam", "/acme", "staff"))
    acme.give("lea", "guest", "/acme/back")  # beside "staff", which is held apart from it
    assert allowed(acme.ask("bo", "remove", "lea", "/acme/front", "lead"))
    acme.give("kim", "boss", "/acme")  # the fifth of at most three
    assert allowed(acme.ask("bo", "remove", "kim", "/acme", "boss"))


# --- files ----------------------------------------------------------------------------------------------


def test_a_first_holder_named_by_files_belongs_to_acts(acme):
    assert allowed(acme.ask("fay", "remove", "bo", "/acme", "boss"))


def test_what_a_roster_gives_is_changed_where_the_roster_is_kept(acme):
    place = acme.loaded.places.at(("roles",))
    acme.put(Held("ros", "staff", ("acme",), "roster", place))
    decision = refused(acme.ask("bo", "remove", "ros", "/acme", "staff"), "members")
    assert f'"staff" of ros in /acme comes from a roster, by {place}' in decision.reason


def test_what_files_and_acts_both_give_is_not_taken_by_an_act(acme):
    acme.give("pia", "staff", "/acme")
    refused(acme.ask("bo", "remove", "pia", "/acme", "staff"), "members")


def test_an_account_that_files_still_name_is_not_deleted(acme):
    acme.account("pia", state="disabled")
    refused(acme.ask("bo", "delete", "pia", "/acme", "staff"), "members")


# --- protected ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sam", "SAM@acme.example", "/acme"])
def test_the_protected_lose_nothing_and_may_rise(acme, name):
    acme.settings["protected"] = frozenset({name})
    for verb in ("remove", "disable"):
        refused(acme.ask("bo", verb, "sam", "/acme", "staff"), "policy.protected")
    acme.give("sam", "clerk", "/acme/front")
    raised = acme.ask("lea", "change", "sam", "/acme/front", "clerk", to="lead", until=SOON)
    assert allowed(raised)


def test_units_protect_their_own():
    town = Town.of(MODEL.replace("quiet: {", "quiet: {policy: {protected: [gus]}, "))
    town.give("bea", "boss", "/acme").give("gus", "guest", "/acme/quiet").give("gus", "guest", "/acme/back")
    assert allowed(town.ask("bea", "remove", "gus", "/acme/back", "guest"))
    refused(town.ask("bea", "remove", "gus", "/acme/quiet", "guest"), "policy.protected")


def test_a_unit_below_a_closed_one_lets_nobody_in():
    town = Town.of(
        "syncd: 1\nadministration: [{by: admin, may: [add], target: [member], scope: below}]\n"
        "organizations: {acme: {state: archived, teams: {core: {}}}}\n"
    ).give("ann", "admin", "/acme")
    assert '/acme is "archived"' in town.ask("ann", "add", "bob", "/acme/core", "member").reason
