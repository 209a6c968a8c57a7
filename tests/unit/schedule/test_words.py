"""When mappings are due, as people read it in both languages."""

from __future__ import annotations

import pytest

from syncd import locale
from syncd.app_types import DueRow
from syncd.health import Check, readiness
from syncd.render.schedule import schedule_page, words

ROW = DueRow(
    "acme", "*/15 * * * *", "Europe/Paris", 14, ("2026-10-25T00:45:14+00:00", "2026-10-25T01:00:14+00:00")
)


@pytest.fixture(params=["en", "fr"])
def language(request):
    before = locale.language()
    locale.use(request.param)
    yield request.param
    locale.use(before)


@pytest.mark.parametrize(
    ("cron", "english", "french"),
    [
        ("* * * * *", "every minute", "chaque minute"),
        ("*/15  * * * *", "every 15 minutes", "toutes les 15 minutes"),
        ("5 * * * *", "every hour at minute 5", "chaque heure à la minute 5"),
        ("30 2 * * *", "every day at 02:30", "chaque jour à 02:30"),
        ("0 8 * * 1", "every Monday at 08:00", "chaque lundi à 08:00"),
        ("0 8 * * 7", "every Sunday at 08:00", "chaque dimanche à 08:00"),
        ("0 8 * * 1-5", "from Monday to Friday at 08:00", "du lundi au vendredi à 08:00"),
        (
            "0 8 * * 1,3,7",
            "every Monday, Wednesday, Sunday at 08:00",
            "chaque lundi, mercredi, dimanche à 08:00",
        ),
        ("0 8 * * 1-3,5", 'by "0 8 * * 1-3,5"', "selon « 0 8 * * 1-3,5 »"),
        ("0 */2 * * *", "every 2 hours at minute 0", "toutes les 2 heures à la minute 0"),
        ("0 */1 * * *", "every hour at minute 0", "chaque heure à la minute 0"),
        ("0 */5 * * *", 'by "0 */5 * * *"', "selon « 0 */5 * * * »"),
        ("*/7 * * * *", 'by "*/7 * * * *"', "selon « */7 * * * * »"),
        ("*/45 * * * *", 'by "*/45 * * * *"', "selon « */45 * * * * »"),
        ("*/90 * * * *", 'by "*/90 * * * *"', "selon « */90 * * * * »"),
        ("0 8 L * *", 'by "0 8 L * *"', "selon « 0 8 L * * »"),
    ],
)
def test_a_schedule_is_said_in_words(language, cron, english, french):
    assert words(cron) == {"en": english, "fr": french}[language]


def test_times_are_shown_in_the_zone_of_the_mapping_with_its_name():
    (block,) = schedule_page([ROW])
    assert block.lines[-2:] == ("2026-10-25 02:45:14 CEST", "2026-10-25 02:00:14 CET")


def test_a_warning_is_ready_and_a_failure_is_not():
    assert readiness({"store": Check("ok"), "mapping acme": Check("warn", "acme.yaml:3:1: no")})[0] == 200
    code, document = readiness({"store": Check("fail", "locked"), "settings": Check("warn")})
    assert (code, document["status"], document["checks"]["store"]["detail"]) == (503, "fail", "locked")
