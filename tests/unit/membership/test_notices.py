"""Whatever a mapping may ask to be told of has its words, in each language."""

from __future__ import annotations

from typing import get_args

import pytest

from syncd.acts import Notice
from syncd.mapping.schema_rules import Notify
from syncd.notify.texts import message

VALUES = {
    "person": "sue@acme.example",
    "unit": "Acme",
    "role": "clerk",
    "by": "",
    "url": "https://sso.acme.example/",
    "reason": "the mail server is down",
}
ENDS = get_args(get_args(Notify.model_fields["inviter"].annotation)[0])
ABOUT = [*(f"invitation.{end}" for end in ENDS), "account.created", "join.lapsed"]


def test_five_ends_can_be_asked_for() -> None:
    assert sorted(ENDS) == ["accepted", "cancelled", "declined", "expired", "failed"]


@pytest.mark.parametrize("about", ABOUT)
def test_a_notice_is_worded_in_both_languages(about: str) -> None:
    told = [
        message(
            Notice("n_1", "acme", to="bo@acme.example", about=about, locale=locale, values=VALUES),
            "x@y.example",
        )
        for locale in ("en", "fr")
    ]
    subjects = [str(mail["Subject"]) for mail in told]
    bodies = [mail.get_body(("plain",)).get_content() for mail in told]
    assert subjects[0] != subjects[1]
    assert bodies[0] != bodies[1]
    assert all("Acme" in body for body in bodies)
