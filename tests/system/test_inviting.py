"""People whom the file names and Keycloak does not know: account, one mail, acceptance, membership."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.live.directory.invitee import Invitee

if TYPE_CHECKING:
    from deploy.local.servers import MailSink
    from tests.system.site import Site

pytestmark = pytest.mark.live

ADDRESS = "nia.novak@acme.example"
ONE_PERSON = f"""\
syncd: 1
people:
  {ADDRESS}: {{given_name: Nia, family_name: Novak, locale: fr}}
administration:
  - {{by: admin, may: [invite, resend], target: [member], scope: below}}
invitations:
  unknown: invite
  channels: {{email: {{valid_for: P10D}}}}
  resend: {{when: [expired], voids_previous: true}}
organizations:
  acme:
    title: Acme
    teams:
      platform:
        members:
          member: [{ADDRESS}]
ldap: {{people: manage}}
"""


@pytest.fixture
def inviting(site: Site, mail_sink: MailSink) -> Site:
    """A site whose realm mails into the sink and whose mapping invites one person."""
    site.mail_into(mail_sink)
    site.write(ONE_PERSON)
    return site


def test_a_person_who_is_missing_is_invited_once_and_has_the_role_after_accepting(
    inviting: Site, mail_sink: MailSink
) -> None:
    begun = time.monotonic()
    inviting.apply().ok()
    took = time.monotonic() - begun
    inviting.apply().ok()
    (mail,) = mail_sink.messages()
    assert mail["to"] == [ADDRESS]
    assert 864_000 - took - 1 <= lifetime(mail["links"][0]) <= 864_000
    user = inviting.users()[ADDRESS]
    assert inviting.admin("GET", f"users/{user['id']}/credentials") == []
    assert inviting.groups()["/acme/platform/member"]["members"] == []
    assert inviting.members(f"cn=member,ou=platform,ou=acme,{inviting.base}") == []

    Invitee().accept(mail["links"][0], password="a long enough password")
    inviting.apply().ok()
    assert inviting.groups()["/acme/platform/member"]["members"] == [ADDRESS]
    assert len(inviting.members(f"cn=member,ou=platform,ou=acme,{inviting.base}")) == 1
    assert len(mail_sink.messages()) == 1
    assert inviting.cli("plan", "acme", "--detailed-exitcode").code == 0


def test_an_invitation_that_the_file_drops_is_withdrawn_and_its_link_is_dead(
    inviting: Site, mail_sink: MailSink
) -> None:
    inviting.apply().ok()
    (mail,) = mail_sink.messages()
    inviting.edit(f"member: [{ADDRESS}]", "member: []")
    inviting.apply().ok()
    assert ADDRESS not in inviting.users()
    assert not Invitee().accept(mail["links"][0], password="a long enough password").done
    assert len(mail_sink.messages()) == 1


def test_a_mail_that_could_not_leave_is_tried_again_and_sent_once(
    inviting: Site, mail_sink: MailSink
) -> None:
    realm = inviting.admin("GET", "")
    good = dict(realm["smtpServer"])
    realm["smtpServer"] = {**good, "port": "9"}
    inviting.admin("PUT", "", realm)
    inviting.apply()
    assert mail_sink.messages() == []
    realm["smtpServer"] = good
    inviting.admin("PUT", "", realm)
    answer = inviting.cli("invitations", "list", "acme")
    assert "failed" in answer.out
    inviting.cli("invitations", "resend", ADDRESS, "--mapping", "acme").ok()
    assert len(mail_sink.messages()) == 1


def lifetime(link: str) -> int:
    """Seconds from issue to expiry of an action token."""
    body = link.partition("key=")[2].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return int(claims["exp"] - claims["iat"])
