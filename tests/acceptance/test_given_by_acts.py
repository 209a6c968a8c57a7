"""Checks 5, 14, 18, 21 and 25 once more, with what people did in place of what files say."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from deploy.local.process import free_port
from tests.acceptance.acting import done, invited, mails_to, refused, with_notices
from tests.acceptance.matrix import within
from tests.acceptance.product import PASSWORD
from tests.acceptance.test_acts_datasud import registered
from tests.live.directory.invitee import Invitee
from tests.system.site import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live


def test_05_whoever_is_added_to_a_team_appears_under_the_units_it_is_attached_to_and_goes_with_it(
    product: Callable[..., Product],
) -> None:
    site, who, admin = product("dastra"), "thibaut.ferrand@ormeval.example", "solene.vasseur@ormeval.example"
    team, lent = "/ormeval/france/campaigns", "/ormeval/france/ormeval-sa/marketing"
    before, entries = site.groups_of(who), site.entry_groups_of(who)
    done(site, "members", "add", team, who, "--role", "team/member", as_=admin)
    more = {f"{team}/member", f"{lent}/member", f"{lent}/loyalty/member"}
    assert site.groups_of(who) == before | more
    assert len(site.entry_groups_of(who)) == len(entries) + len(more)
    done(site, "members", "remove", team, who, as_=admin)
    assert (site.groups_of(who), site.entry_groups_of(who)) == (before, entries)


def test_14_whoever_an_administrator_lets_into_a_private_folder_is_in_its_access_group_and_nobody_else(
    product: Callable[..., Product], mail_sink: MailSink
) -> None:
    site, admin = with_notices(product("universign"), mail_sink), "florent.duquesnoy@quai-est.example"
    folder, entry = "/quai-est/board", f"cn=granted,ou=board,ou=quai-est,{site.base}"
    always = {"agathe.rocheblave@quai-est.example", admin, "corentin.lebrazic@quai-est.example"}
    tadeo, new = "tadeo.ibarra@quai-est.example", "noa.blanc@quai-est.example"
    done(site, "members", "add", folder, tadeo, "--role", "folder/granted", as_=admin)
    invited(site, mail_sink, "/quai-est", new, "administrator", admin)
    expected = {*always, tadeo, new}
    assert set(site.groups()[f"{folder}/granted"]["members"]) == expected
    assert site.members(entry) == sorted(site.entry(who) for who in expected)
    done(site, "members", "change", "/quai-est", new, "reader", as_=admin)
    assert new not in site.groups()[f"{folder}/granted"]["members"]
    assert site.entry(new) not in site.members(entry)


def test_18_a_guest_who_accepted_is_in_one_guest_group_and_the_token_carries_nothing_of_the_team(
    product: Callable[..., Product], mail_sink: MailSink
) -> None:
    site, guest = with_notices(product("todoist"), mail_sink), "gaia.guest@elsewhere.example"
    invited(site, mail_sink, "/fanal/website", guest, "guest", "clemence.harispe@fanal.example")
    assert site.groups_of(guest) == {"/fanal/website/guest"}
    assert site.entry_groups_of(guest) == {"cn=guest,ou=website,ou=fanal"}
    assert site.permissions(guest) == {"/fanal/website#project.access"}


def test_21_who_has_another_role_in_each_organization_by_acts_has_the_rights_of_each_there_only(
    product: Callable[..., Product], mail_sink: MailSink
) -> None:
    site, who = with_notices(product("datasud"), mail_sink), "carmen.ruiz@lagune.example"
    heads = {
        "brisemont": ("rosalie.campanha@brisemont.example", "editor"),
        "val-dorne": ("celestin.moreau@valdorne.example", "registered_user"),
        "eaux-lagune": ("estelle.roumagnac@eaux-lagune.example", "delegated_administrator"),
    }
    registered(site, who)
    for unit, (admin, role) in heads.items():
        done(site, "joins", "request", f"/lagune/{unit}", who)
        done(site, "joins", "approve", f"/lagune/{unit}", who, "--role", role, as_=admin)
    roles = {f"/lagune/{unit}/{role}" for unit, (_, role) in heads.items()}
    assert {group for group in site.groups_of(who) if "shoreline" not in group} == roles
    closure = [group for group in site.entry_groups_of(who) if "ou=eaux-lagune" in group]
    assert len(closure) == 3
    change = ("members", "change", "/lagune/brisemont", "nour.haddadi@brisemont.example", "editor")
    assert "delegated_administrator" in refused(site, *change, as_=who)
    add = ("members", "add", "/lagune/brisemont", who, "--role", "registered_user")
    refused(site, *add, as_="rosalie.campanha@brisemont.example")
    claim = site.permissions(who)
    assert within(claim, "/lagune/val-dorne") == {"data.protected.read", "group.page.view"}
    assert "datasets.edit" in within(claim, "/lagune/eaux-lagune")


def test_25_links_of_cancelled_and_of_resent_invitations_are_refused(
    product: Callable[..., Product], mail_sink: MailSink
) -> None:
    site, admin = with_notices(product("universign"), mail_sink), "florent.duquesnoy@quai-est.example"
    gone, again = "gone@quai-est.example", "again@quai-est.example"
    for who in (gone, again):
        done(site, "invitations", "send", "/quai-est", who, as_=admin)
    done(site, "invitations", "cancel", gone, as_=admin)
    done(site, "invitations", "resend", again, as_=admin)
    (dead,) = mails_to(mail_sink, gone)
    old, new = mails_to(mail_sink, again)
    for mail in (dead, old):
        assert not Invitee().accept(mail["links"][0], password=PASSWORD).done
    assert gone not in site.users()
    assert Invitee().accept(new["links"][0], password=PASSWORD).done


def test_25_a_daemon_killed_in_the_middle_of_inviting_is_made_good_by_the_next_run_with_one_mail_each(
    product: Callable[..., Product], mail_sink: MailSink
) -> None:
    site = with_notices(product("todoist"), mail_sink)
    people = [f"new{number}@fanal.example" for number in range(6)]
    named = site.data.read_text("utf-8").replace(
        "      member: [odile", f"      member: [{', '.join(people)}, odile"
    )
    model = site.mapping / "model.yaml"
    model.write_text(model.read_text("utf-8").replace("  unknown: create", "  unknown: invite"), "utf-8")
    site.data.write_text(named, "utf-8")
    health = {"PYTHONPATH": str(REPOSITORY), "SYNCD_LISTEN__HEALTH": f"127.0.0.1:{free_port()}"}
    daemon = subprocess.Popen(site.command("daemon"), cwd=site.folder, env={**os.environ, **health})
    try:
        until = time.monotonic() + 120
        while not mail_sink.messages():
            assert time.monotonic() < until, "the daemon mailed nobody"
            time.sleep(0.02)
    finally:
        os.kill(daemon.pid, signal.SIGKILL)
        daemon.wait()
    site.apply().ok()
    site.apply().ok()
    mails = [len(mails_to(mail_sink, who)) for who in people]
    assert max(mails) == 1
    assert sum(mails) >= len(people) - 1  # of the one that was leaving nothing may be known for two minutes
    assert set(people) <= site.users().keys()
