"""Acts in Todoist's model: plans, the last admin, guests who become members and the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.acting import act, done, invited, mails_to, refused, with_notices

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

TEAM, CLUB, LIST, SITE = "/fanal", "/reading-club", "/fanal/autumn-list", "/fanal/website"
ADMIN, PERLE = "clemence.harispe@fanal.example", "perle.amsalem@lecteurs.example"
GUEST, MEMBER = "gil.guest@fanal.example", "mia.member@fanal.example"


@pytest.fixture(scope="module")
def todoist(product: Callable[..., Product], mail_sink: MailSink) -> Product:
    site = with_notices(product("todoist"), mail_sink)
    text = site.data.read_text("utf-8")
    both = "admin: [odile.trevoux@fanal.example, perle.amsalem@lecteurs.example]"
    assert text.count(both) == 1
    site.data.write_text(text.replace(both, f"admin: [{{person: {PERLE}, initial: true}}]"), "utf-8")
    site.apply().ok()
    mail_sink.clear()
    return site


def test_17_on_the_free_plan_whoever_is_invited_becomes_admin_on_the_other_a_member(
    todoist: Product, mail_sink: MailSink
) -> None:
    people = [f"reader{number}@lecteurs.example" for number in range(3)]
    done(todoist, "invitations", "send", CLUB, *people, as_=PERLE)
    done(todoist, "invitations", "send", TEAM, "worker@fanal.example", as_=ADMIN)
    listed = todoist.cli("--output", "json", "members", "list", todoist.name).ok().json["members"]
    roles = {one["who"]: one["role"] for one in listed}
    assert {roles[who] for who in people} == {"admin"}
    assert roles["worker@fanal.example"] == "member"
    assert len(mail_sink.messages()) == 4


def test_17_the_last_admin_is_neither_removed_nor_demoted(todoist: Product) -> None:
    assert "admin" in refused(todoist, "members", "remove", CLUB, PERLE)
    refused(todoist, "members", "change", CLUB, PERLE, "member")


def test_19_a_guest_becomes_a_member_and_a_member_a_guest_only_by_way_of_out_and_in(
    todoist: Product, mail_sink: MailSink
) -> None:
    invited(todoist, mail_sink, LIST, GUEST, "guest", ADMIN)
    invited(todoist, mail_sink, TEAM, MEMBER, "member", ADMIN)
    assert todoist.groups_of(GUEST) == {f"{LIST}/guest"}
    done(todoist, "members", "change", LIST, GUEST, "member", as_=ADMIN)
    assert todoist.groups_of(GUEST) == {f"{TEAM}/member"}
    why = refused(todoist, "members", "change", TEAM, MEMBER, "guest", as_=ADMIN)
    assert "first, then invite" in why
    done(todoist, "members", "remove", TEAM, MEMBER, as_=ADMIN)
    mail_sink.clear()
    done(todoist, "invitations", "send", LIST, MEMBER, "--role", "guest", as_=ADMIN)
    assert todoist.groups_of(MEMBER) == {f"{LIST}/guest"}
    assert mail_sink.messages() == []


def test_20_where_guests_are_turned_off_only_the_member_is_mailed_and_guests_there_stay(
    todoist: Product, mail_sink: MailSink
) -> None:
    done(todoist, "invitations", "send", SITE, MEMBER, "--role", "guest", as_=ADMIN)
    with todoist.edited("  fanal:\n", "  fanal:\n    settings: {guests: false}\n"):
        todoist.apply().ok()
        mail_sink.clear()
        send = ("invitations", "send")
        assert "guests" in refused(todoist, *send, LIST, "no@fanal.example", "--role", "guest", as_=ADMIN)
        done(todoist, *send, TEAM, "yes@fanal.example", as_=ADMIN)
        assert [mail["to"] for mail in mail_sink.messages()] == [["yes@fanal.example"]]
        assert todoist.groups_of(MEMBER) == {f"{LIST}/guest", f"{SITE}/guest"}
        done(todoist, "members", "remove", TEAM, MEMBER, "--role", "guest", as_=ADMIN)
    assert todoist.groups_of(MEMBER) == set()
    assert todoist.entry_groups_of(MEMBER) == set()
    assert mails_to(mail_sink, "no@fanal.example") == []
    assert act(todoist, "members", "remove", TEAM, "nobody@fanal.example").code == 64
