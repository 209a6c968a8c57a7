"""Check 11: while ownership moves, each store has an owner at every moment, and at the end exactly one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.acting import CODE, code_in, done, invited, mails_to, with_notices
from tests.acceptance.owners import Owners
from tests.system.site import Site
from tests.system.test_kills import KILLER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

SPACE, GROUP, ENTRY = "/tilleul", "/tilleul/owner", "cn=owner,ou=tilleul"
FIRST, HEIR = "helene.marceau@tilleul.example", "nora.bel@tilleul.example"
ROOM_ADMIN = "naima.cherif@tilleul.example"
WRITES = 12  # of the run that moves an owner; a later number is a run that ends by itself


@pytest.fixture(scope="module")
def docspace(product: Callable[..., Product], mail_sink: MailSink) -> Product:
    site = with_notices(product("docspace"), mail_sink)
    site.loosen("policy: {removals: {per_day: 100%, at_least: 999, at_most: 999}}")
    site.approve()
    invited(site, mail_sink, SPACE, HEIR, "room_admin", ROOM_ADMIN)
    return site


def asked(site: Product, sink: MailSink) -> tuple[str, str, str]:
    """A transfer that waits for its owner to confirm: (owner, heir, code)."""
    (owner,) = site.groups()[GROUP]["members"]
    heir = HEIR if owner == FIRST else FIRST
    sink.clear()
    done(site, "ownership", "transfer", SPACE, heir, as_=owner)
    (mail,) = [one for one in mails_to(sink, owner) if CODE.search(one["text"])]
    return owner, heir, code_in(mail)


def test_11_no_polled_instant_shows_no_owner_and_none_more_than_two(
    docspace: Product, mail_sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, heir, code = asked(docspace, mail_sink)
    owners = Owners(docspace, GROUP, ENTRY)
    owners.look()
    with monkeypatch.context() as patch:
        owners.watch(patch)
        done(docspace, "ownership", "confirm", code)
    assert len(owners.seen) > 4
    for users, entries in owners.seen:
        assert users in ({owner}, {owner, heir}, {heir})
        assert entries in ({owner}, {owner, heir}, {heir})
    assert owners.seen[0] == (frozenset({owner}),) * 2
    assert owners.seen[-1] == (frozenset({heir}),) * 2


def check_kills(site: Product, sink: MailSink, kills: Iterable[tuple[int, str]]) -> int:
    """Each kill leaves an owner in both stores, and the next run exactly one; how many runs died."""
    died = 0
    for number, moment in kills:
        owner, heir, code = asked(site, sink)
        owners = Owners(site, GROUP, ENTRY)
        command = site.command("ownership", "confirm", code, "--mapping", site.name)[3:]
        answer = Site.cli(site, program=[sys.executable, str(KILLER), str(number), moment, *command])
        assert answer.code in {-9, 0}, answer
        died += answer.code == -9
        owners.look()
        (state,) = owners.seen
        assert all(each in ({owner}, {owner, heir}, {heir}) for each in state), (number, moment, state)
        site.apply().ok()
        owners.look()
        if number == 1 and owners.seen[-1] == (frozenset({owner}),) * 2:
            done(site, "ownership", "confirm", code)  # it died before anything was decided
            owners.look()
        assert owners.seen[-1] == (frozenset({heir}),) * 2, (number, moment)
    return died


def test_11_killed_between_two_writes_the_next_run_ends_with_exactly_one_owner(
    docspace: Product, mail_sink: MailSink
) -> None:
    assert check_kills(docspace, mail_sink, [(2, "before"), (3, "after")]) == 2


@pytest.mark.full
def test_11_killed_at_any_write_the_next_run_ends_with_exactly_one_owner(
    docspace: Product, mail_sink: MailSink
) -> None:
    kills = [(number, moment) for number in range(1, WRITES + 1) for moment in ("before", "after")]
    assert check_kills(docspace, mail_sink, kills) >= WRITES
