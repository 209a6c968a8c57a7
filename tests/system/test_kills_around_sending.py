"""kill -9 around the mail of an invitation, then run again: one account, one mail, whatever was cut off."""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.local.servers import MailSink
    from tests.system.site import Site

pytestmark = pytest.mark.live

KILLER = Path(__file__).with_name("killer.py")
MAPPING = """\
syncd: 1
people: {{{people}}}
invitations: {{unknown: invite, channels: {{email: {{valid_for: P10D}}}}}}
policy: {{mails: {{per_day: 500}}}}
organizations:
  acme:
    teams:
      platform:
        members:
          member: [{members}]
"""


class Kill(NamedTuple):
    """The write at which syncd dies."""

    write: int
    moment: str


# The writes of a run in which a file names somebody else than before: the account of whoever is no longer
# named goes, the new one is made, the words of the mail are kept on it, the mail leaves.
DECIDED = (Kill(2, "before"), Kill(4, "after"), Kill(2, "after"), Kill(1, "after"), Kill(1, "before"))
UNDECIDED = (Kill(3, "before"), Kill(3, "after"), Kill(4, "before"))
SETTLED = 125  # seconds: for two minutes nobody can know that a mail did not leave
TRIED_AGAIN = 65  # seconds: and for one more minute it is not tried again


@pytest.fixture
def inviting(site: Site, mail_sink: MailSink) -> Site:
    """A site that mails into the sink, and whose file has invited one person."""
    site.mail_into(mail_sink)
    name_only(site, ["first@acme.example"])
    site.apply().ok()
    return site


def name_only(site: Site, addresses: Iterable[str]) -> None:
    """The file names these people and nobody else."""
    named = list(addresses)
    people = ", ".join(f"{address}: {{given_name: Nia, family_name: Novak}}" for address in named)
    site.write(MAPPING.format(people=people, members=", ".join(named)))


def killed(site: Site, kill: Kill) -> None:
    """One run that dies there."""
    command = site.command("apply", site.name, "--yes")[3:]
    answer = site.cli(program=[sys.executable, str(KILLER), str(kill.write), kill.moment, *command])
    assert answer.code == -9, f"{kill}: {answer}"


def mails_to(sink: MailSink, address: str) -> int:
    return sum(address in mail["to"] for mail in sink.messages())


def check_one_mail_each(site: Site, sink: MailSink, kills: Iterable[Kill]) -> None:
    """Somebody new for each kill, and a run afterwards: the account and the mail are there, once."""
    for number, kill in enumerate(kills):
        address = f"person{number}@acme.example"
        name_only(site, [address])
        killed(site, kill)
        site.apply().ok()
        assert sorted(site.users()) == [address], kill
        assert mails_to(sink, address) == 1, kill


def test_five_kills_whose_outcome_is_known_at_once_leave_one_mail_each(
    inviting: Site, mail_sink: MailSink
) -> None:
    check_one_mail_each(inviting, mail_sink, DECIDED)
    inviting.apply().ok()
    assert len(mail_sink.messages()) == 1 + len(DECIDED)


@pytest.mark.full
def test_fifty_kills_leave_one_mail_each(inviting: Site, mail_sink: MailSink) -> None:
    known = 50 - len(UNDECIDED)
    check_one_mail_each(inviting, mail_sink, itertools.islice(itertools.cycle(DECIDED), known))
    check_that_time_decides(inviting, mail_sink)
    assert len(mail_sink.messages()) == 1 + 50


def check_that_time_decides(site: Site, sink: MailSink) -> None:
    """Killed just before the mail: nobody can know that, so it waits, and then it leaves once."""
    waiting = []
    for number, kill in enumerate(UNDECIDED):
        waiting.append(f"waiting{number}@acme.example")
        name_only(site, waiting)
        # whoever was named before has no account to delete: only the first of them replaces somebody
        killed(site, kill if number == 0 else Kill(kill.write - 1, kill.moment))
        site.apply().ok()
    assert [mails_to(sink, address) for address in waiting] == [0] * len(waiting)
    for seconds in (SETTLED, TRIED_AGAIN, 0):
        time.sleep(seconds)
        site.apply().ok()
    assert [mails_to(sink, address) for address in waiting] == [1] * len(waiting)
