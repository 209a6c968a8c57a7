"""What rules want is on record before Keycloak hears of it, and is done once whatever comes between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Grant, Lock
from syncd.app.people_lists import account_view, lock_rows, member_lines
from syncd.app.standing import Keeper, finish
from syncd.errors import TargetError
from syncd.membership_rules import REFUSED, SEATS, Cause, Standing
from syncd.render.people import account_page, members_page
from tests.unit.membership.bureau import BO, FAY, SUE

if TYPE_CHECKING:
    from syncd.membership import Office
    from tests.unit.membership.bureau import Bureau

CAUSE = Cause(SEATS, "3 people for 2 paid seats")
AWAY = Cause("rosters.hr.authoritative", "gone from roster hr")


@dataclass
class Deaf:
    """A Keycloak that does not answer."""

    def disable(self, native: str) -> None:
        raise TargetError("keycloak", f"no answer about {native}")


def keep(bureau: Bureau, wanted: Standing, directory: object = None) -> list[str]:
    office = bureau.office()
    prepared = SimpleNamespace(standing=wanted, people=office.people, plan=SimpleNamespace(names={}))
    keeper = Keeper(job(bureau, office), prepared, lambda: directory or bureau.accounts)  # type: ignore[arg-type]
    return [one.what for one in keeper.keep()]


def job(bureau: Bureau, office: Office) -> SimpleNamespace:
    files = SimpleNamespace(compiled=office.compiled)
    return SimpleNamespace(mapping="acme", store=bureau.store, now=lambda: bureau.now, files=files)


def sue(bureau: Bureau) -> str:
    return bureau.office().person(SUE)


def states(bureau: Bureau) -> list[str]:
    return [lock.state for lock in bureau.store.acts.all(Lock, "acme")]


def test_a_lock_is_put_on_once_and_taken_off_by_its_rule(bureau: Bureau) -> None:
    bureau.hire(SUE)
    wanted = Standing(locked={sue(bureau): CAUSE})
    assert keep(bureau, wanted) == ["locked"]
    assert keep(bureau, wanted) == []
    assert (states(bureau), bureau.accounts.calls) == (
        ["disabled"],
        [("disable", f"id-{SUE}"), ("end_sessions", f"id-{SUE}")],
    )
    assert keep(bureau, Standing(opened=frozenset({sue(bureau)}))) == ["opened"]
    assert (states(bureau), bureau.accounts.calls[-1]) == (["enabled"], ("enable", f"id-{SUE}"))


def test_a_lock_that_keycloak_did_not_hear_of_is_put_on_by_the_next_run(bureau: Bureau) -> None:
    bureau.hire(SUE)
    wanted = Standing(locked={sue(bureau): CAUSE})
    keep(bureau, wanted, Deaf())
    assert states(bureau) == ["disabled"]
    assert bureau.accounts.of[f"id-{SUE}"].enabled
    keep(bureau, wanted)
    assert not bureau.accounts.of[f"id-{SUE}"].enabled
    assert states(bureau) == ["disabled"]


def test_somebody_missed_is_noted_and_locked_or_found_later(bureau: Bureau) -> None:
    bureau.hire(SUE)
    keep(bureau, Standing(missed={sue(bureau): CAUSE}))
    assert (states(bureau), bureau.accounts.calls) == (["missed"], [])
    keep(bureau, Standing(locked={sue(bureau): CAUSE}))
    assert states(bureau) == ["disabled"]


def test_an_account_that_its_rule_still_locks_ends_on_its_day(bureau: Bureau) -> None:
    bureau.hire(SUE)
    keep(bureau, Standing(locked={sue(bureau): replace(CAUSE, due=bureau.now)}))
    locks = tuple(bureau.store.acts.all(Lock, "acme"))
    later = replace(CAUSE, due=bureau.now + timedelta(microseconds=1))
    assert keep(bureau, Standing(locked={sue(bureau): later}, ended=locks)) == ["deleted"]
    assert states(bureau) == ["ending"]


def test_an_account_that_is_needed_after_all_no_longer_ends(bureau: Bureau) -> None:
    bureau.hire(SUE)
    bureau.store.acts.add(Lock("l_1", "acme", person=sue(bureau), state="ending", rule=REFUSED))
    assert keep(bureau, Standing(spared={sue(bureau): "not deleted: holds guest"})) == ["spared"]
    assert states(bureau) == ["ended"]


def test_who_looks_at_an_account_or_at_lists_reads_which_rule_locks_it_and_why(bureau: Bureau) -> None:
    bureau.hire(SUE)
    assert lock_rows(bureau.store, "acme") == []
    keep(bureau, Standing(locked={sue(bureau): CAUSE}))
    keep(bureau, Standing(locked={sue(bureau): CAUSE}, missed={bureau.office().person(BO): AWAY}))
    office = bureau.office()
    (row, missed) = lock_rows(bureau.store, "acme")
    assert (row.who, row.state, row.rule, row.reason) == (SUE, "disabled", SEATS, CAUSE.reason)
    assert (missed.who, missed.state, missed.rule) == (BO, "missed", AWAY.rule)
    view = account_view(office, SUE)
    assert view.locks == (row,)
    shown = [line for block in account_page(view) for cells in block.rows for line in cells]
    assert {SEATS, CAUSE.reason, "disabled"} <= set(shown)
    rules = {one.email: one.rule for one in member_lines(office)}
    assert (rules[SUE], rules[BO], rules[FAY]) == (SEATS, "", "")
    (table,) = members_page([one for one in member_lines(office) if one.email == SUE])
    assert f"disabled ({SEATS})" in table.rows[0]
    keep(bureau, Standing(opened=frozenset({sue(bureau)})))
    assert [one.who for one in lock_rows(bureau.store, "acme")] == [BO]


def test_how_somebody_is_to_log_in_is_shown_as_the_settings_of_their_units_declare_it(bureau: Bureau) -> None:
    bureau.text += "settings: {authentication: {always: [email_otp], exclusive: [password, sso]}}\n"
    bureau.hire(SUE)
    view = account_view(bureau.office(), SUE)
    assert view.authentication == "always: email_otp; exclusive: password, sso"
    assert ("login, as declared", view.authentication) in account_page(view)[0].rows


@pytest.mark.parametrize("times", [1, 2])
def test_an_account_that_ends_is_deleted_after_the_run_with_all_it_was_given(
    bureau: Bureau, times: int
) -> None:
    bureau.hire(SUE)
    keep(bureau, Standing(locked={sue(bureau): CAUSE}))
    for _ in range(times):  # a run that was cut off begins anew
        ended = tuple(bureau.store.acts.all(Lock, "acme"))
        assert keep(bureau, Standing(ended=ended)) == ["deleted"]
    assert (states(bureau), bureau.notices("data.heir")) == (["ending"], [])
    report = SimpleNamespace(plan=SimpleNamespace(names={sue(bureau): SUE}))
    finish(job(bureau, bureau.office()), report, lambda: bureau.accounts)  # type: ignore[arg-type]
    assert (states(bureau), bureau.store.acts.all(Grant, "acme")) == (["deleted"], [])
    assert f"id-{SUE}" not in bureau.accounts.of
    (notice,) = bureau.notices("data.heir")
    assert notice.values["person"] == SUE
