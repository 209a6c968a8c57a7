"""English and French: every message translated, every placeholder kept, the language chosen as asked."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from syncd import locale
from tests.unit.cli.catalogue import wanted

PO = Path(locale.__file__).parent / "fr" / "LC_MESSAGES" / "syncd.po"
MESSAGES = [message for message in wanted() if message.id]


@pytest.fixture(scope="module")
def french():
    with PO.open("rb") as file:
        return read_po(file, locale="fr")


def forms(value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{[^}]*\}", text))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: str(forms(message.id)[0])[:40])
def test_every_message_has_its_french(french, message):
    translated = french.get(forms(message.id)[0])
    assert translated is not None, f"not in syncd.po: {message.id!r}"
    assert not translated.fuzzy
    assert all(forms(translated.string))
    for text in forms(translated.string):
        allowed = set().union(*map(placeholders, forms(message.id)))
        assert placeholders(text) <= allowed
        assert placeholders(forms(message.id)[-1]) - placeholders(forms(translated.string)[-1]) == set()


def test_the_catalogue_holds_nothing_that_is_no_longer_said(french):
    known = {forms(message.id)[0] for message in MESSAGES}
    assert [message.id for message in french if message.id and forms(message.id)[0] not in known] == []
    assert not french.obsolete


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "fr"),
        ({"LANG": "fr"}, "fr"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "fr_CA.UTF-8"}, "fr"),
        ({"LANG": "fr_FR.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
    ],
)
def test_the_environment_chooses_the_language(environ, language):
    assert locale.from_environment(environ) == language


def test_the_option_wins_over_the_environment(call, app, monkeypatch):
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    assert "dernier succès" in call("status").out
    assert "last success" in call("--lang", "en", "status").out
    assert "last success" in call("status", "--lang", "en").out


def test_usage_errors_of_click_are_french_too(call):
    result = call("--lang", "fr", "plan", "--outt")
    assert result.code == 64
    assert "Usage : syncd" in result.err
    assert "a pas d" in result.err
    assert "Erreur : " in result.err


def test_an_oui_confirms(call, app, monkeypatch):
    monkeypatch.setattr("syncd.cli.session.Session.interactive", lambda _self: True)
    app.plans_made["acme"] = type(app.plans_made["acme"])(
        "acme", "t", "d", plans=app.plans_made["acme"].plans
    )
    assert call("--lang", "fr", "apply", answer="oui\n").code == 0


def test_counts_take_the_plural_of_their_language():
    locale.use("fr")
    assert locale.ngettext("{n} row", "{n} rows", 0) == "{n} ligne"
    locale.use("en")
    assert locale.ngettext("{n} row", "{n} rows", 0) == "{n} rows"
