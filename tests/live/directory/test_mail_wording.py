"""What invited people read: lifetime, language, organization, role, inviter, expiry, and nothing planted."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from syncd.targets.directory import MailFacts
from tests.live.directory.world import ALL, CLIENT, World, claims_of, link_of

if TYPE_CHECKING:
    from typing import Any

    from deploy.local.servers import Keycloak, MailSink

pytestmark = pytest.mark.live

EXPIRES = datetime(2031, 12, 24, 17, 5, tzinfo=UTC)
FACTS = MailFacts("Acme", "editor", "Ada Byron", EXPIRES)
LEADS = {
    ("en", "invitation"): "You are invited to join Acme.",
    ("en", "reminder"): "A reminder: you are invited to join Acme",
    ("en", "resend"): "Here is a new link for your invitation to join Acme.",
    ("fr", "invitation"): "Vous avez reçu une invitation à rejoindre Acme.",
    ("fr", "reminder"): "Rappel : votre invitation à rejoindre Acme",
    ("fr", "resend"): "Voici un nouveau lien pour votre invitation à rejoindre Acme.",
}
LINES = {
    "en": (
        "Invited by: Ada Byron",
        "Your role: editor",
        "Valid until: 24 December 2031, 17:05 UTC",
        "complete these steps: Update Password, Update Profile, Verify Email.",
        "The link works for 10 days",
    ),
    "fr": (
        "Invitation de : Ada Byron",
        "Votre rôle : editor",
        "Valable jusqu'au : 24 décembre 2031 à 17:05 UTC",
        "effectuez ces étapes : Mise à jour du mot de passe",
        "Le lien fonctionne pendant 10 jours",
    ),
}
SUBJECTS = {"en": "Set up your account", "fr": "Configurez votre compte"}


def mailed(
    world: World, facts: MailFacts | None, locale: str = "en", lifespan: int = 864000
) -> dict[str, Any]:
    native, address = world.somebody(locale)
    if facts is not None:
        world.directory.set_mail_attributes(native, facts)
    assert world.directory.send_actions(native, ALL, lifespan).outcome == "sent"
    (mail,) = world.mails(address)
    return mail


@pytest.mark.parametrize("seconds", [600, 864000])
def test_the_link_lives_as_long_as_it_was_asked_to(world: World, seconds: int) -> None:
    before = time.time()
    mail = mailed(world, FACTS, lifespan=seconds)
    claims = claims_of(link_of(mail))
    assert before + seconds - 5 <= claims["exp"] <= time.time() + seconds + 5
    assert claims["eml"] == mail["to"][0]
    assert set(claims["rqac"]) == set(ALL)


@pytest.mark.parametrize(("locale", "kind"), sorted(LEADS))
def test_a_mail_says_who_invites_to_what_in_the_persons_language(
    world: World, locale: str, kind: str
) -> None:
    mail = mailed(world, MailFacts("Acme", "editor", "Ada Byron", EXPIRES, kind), locale)
    assert mail["subject"] == SUBJECTS[locale]
    page = mail["html"].replace("&#39;", "'")
    for line in (LEADS[locale, kind], *LINES[locale]):
        assert line in mail["text"]
        assert line in page
    assert f'lang="{locale}"' in page
    assert link_of(mail).startswith(f"{world.server.url}/realms/{world.admin.realm}/login-actions/")


def test_what_is_not_known_is_left_out(world: World) -> None:
    mail = mailed(world, MailFacts("Acme"))
    assert LEADS["en", "invitation"] in mail["text"]
    for word in ("Invited by", "Your role", "Valid until"):
        assert word not in mail["text"] + mail["html"]


def test_an_account_that_carries_no_facts_gets_keycloaks_own_text(world: World) -> None:
    mail = mailed(world, None)
    assert "Your administrator has just requested that you update your" in mail["text"]
    assert "Your administrator has just requested that you update your" in mail["html"]
    assert "invited" not in mail["text"]


def test_facts_that_were_cleared_are_in_no_later_mail(world: World) -> None:
    native, address = world.somebody()
    world.directory.set_mail_attributes(native, FACTS)
    world.directory.clear_mail_attributes(native)
    state = world.directory.state(native)
    assert state is not None
    assert dict(state.attributes) == {"locale": ("en",)}
    world.invited(native, address)
    assert "Acme" not in world.mails(address)[-1]["text"]


def test_names_that_look_like_markup_are_shown_as_they_are(world: World) -> None:
    mail = mailed(world, MailFacts("<b>A</b> & \"Co\" {0} 'x' ${link}", "<i>boss</i>"))
    assert "<b>A</b> & \"Co\" {0} 'x' $ {link}" in mail["text"]
    assert "<b>" not in mail["html"]
    assert "&lt;b&gt;A&lt;/b&gt; &amp; &quot;Co&quot; {0} &#39;x&#39; $ {link}" in mail["html"]
    assert "&lt;i&gt;boss&lt;/i&gt;" in mail["html"]


def test_a_name_brings_no_link_and_no_line_of_its_own_into_a_mail(world: World) -> None:
    planted = MailFacts(
        "Acme https://evil.example/a\r\nBcc: x@evil.example",
        "editor www.evil.example",
        "Ada evil.example/pay\u202etxt\x00",
    )
    mail = mailed(world, planted)
    (link,) = mail["links"]
    assert link.startswith(world.server.url)
    for trace in ("https://evil", "www.", "evil.example", "\u202e", "\x00", "\nBcc"):
        assert trace not in mail["text"]
        assert trace not in mail["html"]
    assert "Invited by: Ada txt" in mail["text"]


def test_the_last_page_leads_back_to_the_portal(world: World) -> None:
    native, address = world.somebody()
    back = "https://portal.acme.example/welcome"
    assert world.directory.send_actions(native, ALL, 600, CLIENT, back).outcome == "sent"
    claims = claims_of(link_of(world.mails(address)[-1]))
    assert (claims["azp"], claims["reduri"]) == (CLIENT, back)


def test_a_realm_without_the_theme_says_what_it_can(
    keycloak_server: Keycloak, mail_sink: MailSink, realm_name: str
) -> None:
    world = World.bootstrapped(keycloak_server, mail_sink, realm_name)
    for locale, text in (
        ("en", "is waiting for you. To use it, follow"),
        ("fr", "vous attend. Pour l'utiliser"),
    ):
        mail = mailed(world, FACTS, locale)
        assert mail["subject"] == SUBJECTS[locale]
        assert text in mail["text"]
        assert text in mail["html"].replace("&#39;", "'")
        assert ("10 days" if locale == "en" else "10 jours") in mail["text"]
        assert len(mail["links"]) == 1
    world.close()
