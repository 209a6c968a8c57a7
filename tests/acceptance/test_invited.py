"""The mapping of Dastra as it is shipped: everybody it names is invited, and waits until they accept.

Then what else files say of inviting, each from the key to the mail: domains, limits, reminders, holds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.acting import act, done, invitations, mails_to
from tests.acceptance.product import PASSWORD
from tests.live.directory.invitee import Invitee
from tests.system.test_inviting import lifetime

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

IDRIS = "idris.benaissa@ormeval.example"
FRANCE = "ou=france,ou=ormeval"


@pytest.fixture(scope="module")
def invited(product: Callable[..., Product], mail_sink: MailSink) -> Product:
    mail_sink.clear()
    return product("dastra", as_shipped=True)


def test_25_a_mapping_that_invites_mails_everybody_once_and_its_second_run_nobody(
    invited: Product, mail_sink: MailSink
) -> None:
    mailed = [address for mail in mail_sink.messages() for address in mail["to"]]
    assert sorted(mailed) == sorted(invited.users())
    assert len(mailed) == 9
    assert invited.held_groups() == {}
    before = invited.snapshot()
    invited.apply().ok()
    assert invited.snapshot() == before
    assert len(mail_sink.messages()) == 9


def test_02_whoever_accepts_is_in_the_groups_of_both_stores_after_the_next_run_and_nobody_else(
    invited: Product, mail_sink: MailSink
) -> None:
    (mail,) = [mail for mail in mail_sink.messages() if mail["to"] == [IDRIS]]
    assert Invitee().accept(mail["links"][0], password=PASSWORD).done
    invited.logins.add(IDRIS)
    invited.apply().ok()
    units = ("dpo-office", "ormeval-sa", "ormeval-logistique")
    assert invited.held_groups() == {
        "/ormeval/france/contributor": [IDRIS],
        **{f"/ormeval/france/{unit}/member": [IDRIS] for unit in units},
    }
    assert invited.entry_groups_of(IDRIS) == {
        f"cn=contributor,{FRANCE}",
        f"cn=reader,{FRANCE}",
        *(f"cn=member,ou={unit},{FRANCE}" for unit in units),
    }


FRANCE_UNIT = "/ormeval/france"
ONE, TWO, LATE = (f"{name}@ormeval.example" for name in ("one.person", "two.person", "late.person"))
ELSEWHERE = "guest@elsewhere.example"
ROWS = f"""email,given_name,family_name,role
{ONE},One,Person,reader
{ELSEWHERE},Guest,Person,reader
nobody@ormeval.example,Nobody,Person,emperor
unnamed@ormeval.example,,,reader
{TWO},Two,Person,reader
{LATE},Late,Person,reader
"""


def with_rules(site: Product, old: str, new: str) -> None:
    """Say something else of invitations from now on."""
    model = site.mapping / "model.yaml"
    text = model.read_text("utf-8")
    assert text.count(old) == 1
    model.write_text(text.replace(old, new), "utf-8")


def test_a_list_gets_a_verdict_for_each_row_and_no_mail_leaves_that_the_files_hold_back(
    invited: Product, mail_sink: MailSink
) -> None:
    mail_sink.clear()
    unit = (
        sum(one["unit"] == FRANCE_UNIT for one in invitations(invited).values()) + 1
    )  # of whom one accepted
    with_rules(
        invited,
        "  notify: {inviter: [accepted]}\n",
        f"  domains: [ormeval.example]\n  limits: {{per_unit_per_day: {unit + 2}}}\n",
    )
    sheet = invited.folder / "people.csv"
    sheet.write_text(ROWS, "utf-8")
    verdicts = act(invited, "invitations", "send", FRANCE_UNIT, "--csv", str(sheet)).json["verdicts"]
    assert [verdict["allowed"] for verdict in verdicts] == [True, True, False, False, True, True]
    assert "emperor" in verdicts[2]["detail"]
    assert "family_name is asked for" in verdicts[3]["detail"]
    assert sorted(mail["to"] for mail in mail_sink.messages()) == [[ONE], [TWO]]
    waiting = invitations(invited)
    assert "allowed domains" in waiting[ELSEWHERE]["note"]
    assert "mails a day from this unit" in waiting[LATE]["note"]


def test_what_the_operator_holds_or_lets_go_to_some_domains_only_leaves_once_it_may(
    invited: Product, mail_sink: MailSink
) -> None:
    mail_sink.clear()
    with_rules(invited, "  domains: [ormeval.example]\n  limits: {per_unit_per_day: ", "  # {")
    config = invited.config.read_text("utf-8")
    for rule, arrived in (("hold", []), ("{only: [elsewhere.example]}", [[ELSEWHERE]])):
        invited.config.write_text(f"{config}\nmail: {rule}\n", "utf-8")
        invited.apply().ok()
        assert [mail["to"] for mail in mail_sink.messages()] == arrived
        assert "syncd.yaml" in invitations(invited)[LATE]["note"]
    invited.config.write_text(config, "utf-8")
    invited.apply().ok()
    assert [mail["to"] for mail in mail_sink.messages()] == [[ELSEWHERE], [LATE]]


def test_a_reminder_of_the_file_arrives_once_and_its_link_ends_with_the_first(
    invited: Product, mail_sink: MailSink
) -> None:
    mail_sink.clear()
    with_rules(invited, "valid_for: P10D", "valid_for: PT1H")
    with_rules(invited, "  activation: action_link\n", "  activation: action_link\n  reminders: [PT59M58S]\n")
    names = ("--given-name", "Rea", "--family-name", "Person")
    begun = time.monotonic()
    done(invited, "invitations", "send", FRANCE_UNIT, "rea@ormeval.example", *names)
    time.sleep(2.5)
    for _ in range(2):
        invited.apply().ok()
    first, reminder = mails_to(mail_sink, "rea@ormeval.example")
    assert lifetime(first["links"][0]) == pytest.approx(3600, abs=5)
    passed = time.monotonic() - begun
    assert lifetime(first["links"][0]) - passed - 5 < lifetime(reminder["links"][0]) < 3600


def test_whoever_declines_is_out_and_the_account_that_waited_for_them_is_gone(
    invited: Product, mail_sink: MailSink
) -> None:
    (mail,) = mails_to(mail_sink, "rea@ormeval.example")[:1]
    done(invited, "invitations", "decline", "rea@ormeval.example", "--reason", "changed jobs")
    assert "rea@ormeval.example" not in invited.users()
    assert not Invitee().accept(mail["links"][0], password=PASSWORD).done
    listed = invited.cli("--output", "json", "invitations", "list", invited.name, "--all").ok().json
    (one,) = [one for one in listed["invitations"] if one["who"] == "rea@ormeval.example"]
    assert (one["state"], one["note"]) == ("declined", "changed jobs")
