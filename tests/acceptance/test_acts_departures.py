"""Leaving by rules, on both servers: seats, guests, the last membership, a deletion with its day."""

from __future__ import annotations

import re
import urllib.error
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Lock
from syncd.app import App
from tests.acceptance.acting import done, invited, mails_to, refused, with_notices

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

SPACE, ADMIN = "/quai-est", "florent.duquesnoy@quai-est.example"
OLD, NEW = "olga.one@quai-est.example", "nuno.two@quai-est.example"
LIST, BOSS = "/fanal/autumn-list", "clemence.harispe@fanal.example"
GUEST = "gil.guest@fanal.example"
ABSENT = "anselme.kouassi@imprimerie-delsol.example"


def rewrite(product: Product, *changes: tuple[str, str]) -> None:
    """Change the model of a product, which a run then follows."""
    model = product.mapping / "model.yaml"
    text = model.read_text("utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    model.write_text(text, "utf-8")


@pytest.fixture(scope="module")
def universign(product: Callable[..., Product], mail_sink: MailSink) -> Product:
    site = with_notices(product("universign"), mail_sink)
    row = "  - {by: administrator, may: [edit, disable, delete], target: [reader]}\n"
    rewrite(
        site,
        ("  reader: {scope: workspace,", "  reader: {scope: workspace, seat: paid,"),
        ("  default_role: reader\n", "  default_role: reader\n  seats: {paid: 3}\n"),
        ("removal: {what: membership}", "removal: {what: account, grace: P7D, data: {personal: keep}}"),
        ("change_states: [active]\n", f"{row}\nchange_states: [active]\n"),
    )
    site.apply().ok()
    for who in (OLD, NEW):
        invited(site, mail_sink, SPACE, who, "reader", ADMIN)
    mail_sink.clear()
    return site


def enabled(product: Product, who: str) -> tuple[bool, bool]:
    """Whether the account is open in Keycloak, and in the directory."""
    locked = product.entries(product.people_base, "(pwdAccountLockedTime=*)")
    return bool(product.users()[who]["enabled"]), product.entry(who) not in locked


def test_names_are_edited_in_both_stores(universign: Product) -> None:
    done(universign, "accounts", "edit", NEW, "--family-name", "Vasco", as_=ADMIN)
    assert universign.users()[NEW]["lastName"] == "Vasco"
    assert universign.entries(universign.people_base)[universign.entry(NEW)]["sn"] == ["Vasco"]


def test_the_newest_holder_above_the_seats_is_shut_out_until_a_seat_is_free(universign: Product) -> None:
    held = universign.groups_of(NEW), universign.entry_groups_of(NEW)
    rewrite(universign, ("seats: {paid: 3}", "seats: {paid: 2}"))
    universign.apply().ok()
    assert (enabled(universign, NEW), enabled(universign, OLD)) == ((False, False), (True, True))
    assert (universign.groups_of(NEW), universign.entry_groups_of(NEW)) == held
    assert "seats" in refused(universign, "accounts", "enable", NEW, as_=ADMIN)
    rewrite(universign, ("seats: {paid: 2}", "seats: {paid: 3}"))
    universign.apply().ok()
    assert enabled(universign, NEW) == (True, True)


def test_a_membership_that_ends_soon_is_announced_once(universign: Product, mail_sink: MailSink) -> None:
    last = datetime.now(UTC).date() + timedelta(days=5)
    done(
        universign,
        "members",
        "add",
        f"{SPACE}/board",
        OLD,
        "--role",
        "granted",
        "--until",
        str(last),
        as_=ADMIN,
    )
    universign.apply().ok()
    (mail,) = mails_to(mail_sink, OLD)
    assert str(last) in mail["subject"]


def test_a_deletion_waits_for_its_day_and_enabling_before_gives_all_back(universign: Product) -> None:
    held = universign.groups_of(OLD), universign.entry_groups_of(OLD)
    done(universign, "accounts", "delete", OLD, as_=ADMIN)
    assert enabled(universign, OLD) == (False, False)
    assert (universign.groups_of(OLD), universign.entry_groups_of(OLD)) == held
    done(universign, "accounts", "enable", OLD, as_=ADMIN)
    assert enabled(universign, OLD) == (True, True)
    assert (universign.groups_of(OLD), universign.entry_groups_of(OLD)) == held
    done(universign, "accounts", "delete", OLD, as_=ADMIN)
    _the_day_comes(universign)
    universign.apply().ok()
    assert OLD not in universign.users()
    assert universign.entry(OLD) not in universign.entries(universign.people_base)
    assert universign.entry_groups_of(OLD) == set()
    assert universign.plan()["totals"]["changes"] == 0


def _the_day_comes(product: Product) -> None:
    app = App.open(product.config)
    try:
        acts = app._db.acts  # no clock of the product can be turned from outside
        (lock,) = acts.all(Lock, product.name, state="disabled")
        acts.save(replace(lock, due=datetime.now(UTC) - timedelta(minutes=1)))
    finally:
        app.close()


def test_guests_lose_everything_while_they_are_turned_off_and_the_last_leaver_the_account(
    product: Callable[..., Product], mail_sink: MailSink
) -> None:
    site = with_notices(product("todoist"), mail_sink)
    invited(site, mail_sink, LIST, GUEST, "guest", BOSS)
    held = site.groups_of(GUEST), site.entry_groups_of(GUEST)
    assert all(held)
    rewrite(
        site,
        (
            "guests: {default: true, when_disabled: block_new}",
            "guests: {default: false, when_disabled: suspend}",
        ),
    )
    site.apply().ok()
    assert (site.groups_of(GUEST), site.entry_groups_of(GUEST)) == (set(), set())
    rewrite(site, ("guests: {default: false, when_disabled: suspend}", "guests: {default: true}"))
    site.apply().ok()
    assert (site.groups_of(GUEST), site.entry_groups_of(GUEST)) == held
    rewrite(site, ("removal: {what: membership,", "removal: {what: membership, last: disable,"))
    assert site.token(GUEST)
    done(site, "members", "remove", LIST, GUEST, as_=BOSS)
    assert enabled(site, GUEST) == (False, False)
    with pytest.raises(urllib.error.HTTPError):
        site.token(GUEST)
    done(site, "invitations", "send", LIST, GUEST, "--role", "guest", as_=BOSS)
    assert enabled(site, GUEST) == (True, True)
    assert (site.groups_of(GUEST), site.entry_groups_of(GUEST)) == held


def test_who_leaves_the_last_unit_is_shut_out_and_then_gone_from_both_servers(
    product: Callable[..., Product], mail_sink: MailSink
) -> None:
    site = with_notices(product("todoist"), mail_sink)
    if GUEST not in site.users():
        invited(site, mail_sink, LIST, GUEST, "guest", BOSS)
    model = site.mapping / "model.yaml"
    text = re.sub(
        r"(removal: {what: membership,)( last: \w+,)?", r"\1 last: delete,", model.read_text("utf-8")
    )
    model.write_text(text, "utf-8")
    done(site, "members", "remove", LIST, GUEST, as_=BOSS)
    assert (enabled(site, GUEST), site.groups_of(GUEST)) == ((False, False), set())
    site.apply().ok()
    assert GUEST not in site.users()
    assert site.entry(GUEST) not in site.entries(site.people_base)
    assert site.plan()["totals"]["changes"] == 0


def test_who_leaves_an_authoritative_roster_is_shut_out_and_let_in_again_when_back(
    product: Callable[..., Product],
) -> None:
    site = product("todoist")
    roster = "csv: staff.csv, columns: {email: E}, authoritative: {gone: disable, after: P0D}"
    staff = [ABSENT, *(f"clerk{number}@fanal.example" for number in range(12))]

    def is_in(*people: str) -> None:
        (site.mapping / "staff.csv").write_text("\n".join(["E", *people, ""]), "utf-8")
        site.apply().ok()

    (site.mapping / "staff.csv").write_text("E\n", "utf-8")
    rewrite(site, ("removal: {", f"rosters: {{staff: {{{roster}}}}}\nremoval: {{"))
    is_in(*staff)
    held = site.groups_of(ABSENT), site.entry_groups_of(ABSENT)
    is_in(*staff[1:])
    assert enabled(site, ABSENT) == (False, False)
    assert (site.groups_of(ABSENT), site.entry_groups_of(ABSENT)) == held
    (lock,) = site.cli("--output", "json", "held", site.name).ok().json["locked"]
    assert (lock["who"], lock["rule"]) == (ABSENT, "rosters.staff.authoritative")
    is_in(*staff)
    assert enabled(site, ABSENT) == (True, True)
    assert (site.groups_of(ABSENT), site.entry_groups_of(ABSENT)) == held
