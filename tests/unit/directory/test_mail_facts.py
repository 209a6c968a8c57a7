"""What a mail may say: names as they are, and nothing in them that a mail program would make a link of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.targets.directory import MailFacts
from syncd.targets.keycloak_mail_facts import LONGEST, MAIL_ATTRIBUTES, harmless, mail_attributes

TROUBLE = st.text(st.sampled_from("abc.:/@\\w-e\u202e\x00\n\t é${}<&")) | st.text()


@pytest.mark.parametrize(
    "name",
    [
        "Acme",
        "Société Générale d'Électricité, S.A.",
        "R&D <Lyon>",
        "Ada Byron (she/her)",
        "J. R. Smith",
        "東京支社",
        "ada@acme.example",
        "Plan 2.0 and/or 3.1",
        "Open data: editor",
    ],
)
def test_an_ordinary_name_stays_as_it_is(name: str) -> None:
    assert harmless(name) == name


@pytest.mark.parametrize(
    ("planted", "left"),
    [
        ("Acme https://evil.example/a?b=c now", "Acme now"),
        ("HTTP://EVIL.EXAMPLE", ""),
        ("see éftp://evil.example", "see"),
        ("http:/evil", ""),
        ("www.evil.example/pay", ""),
        ("mailto:x@evil.example Acme", "Acme"),
        ("javascript:alert(1)", ""),
        ("evil.example/pay", ""),
        ("evil.example:8080/pay me", "me"),
        ("Booking.com", "Booking com"),
        ("call x@evil.example", "call x@evil example"),
        ("evil\u3002example", "evil example"),
        ("Acme\r\nBcc: all", "Acme Bcc: all"),
        ("a\u202eb\u200bc\x00d", "a b c d"),
        ("${link}", "$ {link}"),
        ("  Acme   Lyon ", "Acme Lyon"),
    ],
)
def test_what_would_be_a_link_or_a_line_is_taken_out(planted: str, left: str) -> None:
    assert harmless(planted) == left


@given(TROUBLE)
def test_no_text_brings_a_link_a_line_or_too_much(text: str) -> None:
    safe = harmless(text)
    assert ":/" not in safe
    assert "www." not in safe.lower()
    assert "${" not in safe
    assert safe.isprintable()
    assert len(safe) <= LONGEST
    assert safe == safe.strip()


@given(TROUBLE)
def test_what_is_harmless_stays_so(text: str) -> None:
    assert harmless(harmless(text)) == harmless(text)


def test_a_long_name_ends_in_an_ellipsis() -> None:
    assert harmless("x" * 255) == "x" * 255
    assert harmless("x" * 256) == "x" * 254 + "…"


def test_each_fact_is_one_attribute_and_what_is_unknown_clears_it() -> None:
    expires = datetime(2031, 12, 24, 18, 5, 9, 123, tzinfo=timezone(timedelta(hours=1)))
    written = mail_attributes(MailFacts("Acme", "", "Ada", expires, "reminder"))
    assert written == {
        "syncd.mail.organization": ("Acme",),
        "syncd.mail.role": (),
        "syncd.mail.inviter": ("Ada",),
        "syncd.mail.expires": ("2031-12-24T17:05:09Z",),
        "syncd.mail.kind": ("reminder",),
    }
    assert set(written) == set(MAIL_ATTRIBUTES)


def test_a_name_that_was_only_a_link_is_unknown() -> None:
    facts = mail_attributes(MailFacts("https://evil.example", expires=datetime(2031, 1, 1, tzinfo=UTC)))
    assert facts["syncd.mail.organization"] == ()
