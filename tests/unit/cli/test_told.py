"""What the layers below the screens say is French on a French screen, and whole in the catalogues."""

import io
import re
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

from syncd import locale
from syncd.app_types import DaemonStanding
from syncd.errors import Place, Problem
from syncd.locale.told import LATER, told
from syncd.render.problems import problem_text
from syncd.render.status import status_page
from tests.unit.cli.messages import LAYERS, said, sentences


def read(catalogue):
    text = (Path(locale.__file__).parent / "fr" / "LC_MESSAGES" / catalogue).read_bytes()
    return {message.id: message.string for message in read_po(io.BytesIO(text), locale="fr") if message.id}


def fields(text):
    now = (name for _text, name, _format, _conversion in Formatter().parse(text) if name is not None)
    return sorted(now), sorted(LATER.findall(text))


@pytest.mark.parametrize("catalogue", LAYERS)
def test_every_sentence_has_its_french(catalogue):
    assert [text for text in sentences(catalogue) if text not in read(catalogue)] == []


@pytest.mark.parametrize("catalogue", LAYERS)
def test_no_catalogue_holds_what_is_no_longer_said(catalogue):
    assert sorted(read(catalogue).keys() - said(catalogue)) == []


@pytest.mark.parametrize("catalogue", LAYERS)
def test_every_value_stands_in_the_french_too(catalogue):
    assert [text for text, french in read(catalogue).items() if fields(text) != fields(french)] == []


def test_a_problem_is_told_in_french_with_its_place_and_its_values():
    locale.use("fr")
    problem = Problem(
        Place("mappings/acme.yaml", 10, 13),
        "teams.platform.members.editr",
        'unknown role "editr"',
        'did you mean "editor"?',
    )
    assert problem_text(problem) == (
        "mappings/acme.yaml:10:13: teams.platform.members.editr: "
        "rôle inconnu « editr »; vouliez-vous dire « editor » ?"
    )


def test_a_message_within_a_message_is_told_too():
    locale.use("fr")
    assert told("somebody changed it (cn: Ann); write it into the file to keep it") == (
        "quelqu'un l'a changé (cn: Ann) ; écrivez-le dans le fichier pour le garder"
    )


def test_values_that_the_code_fills_in_later_stand_where_the_french_wants_them():
    locale.use("fr")
    assert (
        told("disable the account of ann (member in /acme)")
        == "désactiver le compte de ann (member dans /acme)"
    )


def test_what_nobody_translated_is_shown_as_it_is_line_by_line():
    locale.use("fr")
    assert told("quod non est\n  the file is empty") == "quod non est\n  le fichier est vide"


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("https://sso:8443/ refuses connections", "https://sso:8443/ refuse les connexions"),
        (
            "ldaps://a refuses the login of cn=s,dc=a: invalid credentials (49): locked",
            "ldaps://a refuse l'identification de cn=s,dc=a : identifiants invalides (49): locked",
        ),
        (
            "cn=s,dc=a: object class violation (65): no sn; see the server's log",
            "cn=s,dc=a: violation de classe d'objet (65): no sn; voir le journal du serveur",
        ),
        (
            "no server can be used: ldaps://a does not answer; ldaps://b refuses connections",
            "aucun serveur ne peut être employé : ldaps://a ne répond pas; ldaps://b refuse les connexions",
        ),
    ],
    ids=["a server's address", "a login", "a change", "several servers"],
)
def test_what_is_put_together_from_messages_is_told_part_by_part(english, french):
    locale.use("fr")
    assert told(english) == french


def test_status_tells_the_problems_of_the_daemon_in_french():
    locale.use("fr")
    problem = "the realm demo keeps no admin events"
    daemon = DaemonStanding("127.0.0.1:9464", "1.0", True, 0, {"events of sso realm demo": problem})
    *_, block = status_page((), daemon, daemon.address)
    assert block.rows == (
        ("events of sso realm demo", "le royaume demo ne garde pas d'événements d'administration"),
    )


def test_english_is_the_text_itself():
    locale.use("en")
    assert told("the file is empty") == "the file is empty"


def test_a_refusal_of_an_act_is_told_in_french_down_to_its_cause_and_its_remedy():
    locale.use("fr")
    refusal = (
        'bo ("clerk" in /acme) may not invite sue as "staff" to /acme: the account of bo is pending '
        "(the state of the account); bo has to accept the invitation first"
    )
    assert told(refusal) == (
        "bo (« clerk » dans /acme) ne peut pas inviter sue comme « staff » à /acme : le compte de bo est "
        "en attente (l'état du compte) ; bo doit d'abord accepter l'invitation"
    )


REFUSALS = Path(__file__).parents[1] / "administration" / "refusals.txt"
ENGLISH = re.compile(r"\b(the|is|in|of|by|or|and|has|an?|at|somebody|holders?|cannot)\b")


def test_no_refusal_of_an_act_keeps_an_english_word_between_its_names():
    locale.use("fr")
    refusals = [
        line for line in REFUSALS.read_text("utf-8").splitlines() if re.search(r"^\S.* may not ", line)
    ]
    told_ = [re.sub(r"« [^»]+ »|`[^`]+`", "", told(line)) for line in refusals if not line.startswith("#")]
    assert len(told_) > 40
    assert [line for line in told_ if ENGLISH.search(re.sub(r"(qu'il|il|n'y) a\b|\ba\b", "", line))] == []


def test_a_message_behind_its_place_is_not_taken_for_the_answer_to_an_act():
    locale.use("fr")
    assert told("a.yaml:3:1: the file may be cut off here").startswith("a.yaml:3:1")
    assert "peut be" not in told("a.yaml:3:1: the file may be cut off here")
