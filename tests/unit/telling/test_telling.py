"""What operators read and applications get, and how it leaves, over a store as a daemon has one."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from structlog.testing import capture_logs

from syncd import daemon_telling, reasons
from syncd.acts import Notice
from syncd.app import App, people, telling
from syncd.daemon_runs import Runs
from syncd.dispatch import Trigger
from syncd.errors import MappingInvalid, Place, Problem, StoreError
from syncd.health import Metrics
from syncd.mapping.parts import TRUNK, WHOLE
from syncd.model import RunPlan, RunReport, Stop
from syncd.notify import Hook, NotDelivered, mapping_texts
from syncd.notify.texts import message
from syncd.notify.webhooks import body_of
from syncd.reasons import EVENTS, Reason, State, event, of_error
from syncd.schedule import rhythm_of
from syncd.settings import SettingsInvalid, load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syncd.schedule import Rhythm

SETTINGS = """\
environment: test
store: sqlite:syncd.db
integrity_key: {file: key}
mappings: {acme: acme.yaml}
mail: hold
smtp: {host: 127.0.0.1, port: 1, from: syncd@acme.example}
"""
NOTIFY = "notify: {mail: [ops@acme.example, bo@acme.example], language: fr}\n"
HOOKS = """\
webhooks:
- {url: "http://127.0.0.1:1/all"}
- {url: "http://127.0.0.1:1/limits", events: [mapping.stopped]}
- {url: "http://127.0.0.1:1/people", events: [data.heir]}
"""
STOPPED = Reason(
    State.STOPPED, ("removals",), {"plan": "0123456789ab"},
    "40 memberships would be gone within 24 hours (0 already are); allowed are 10 of 100 (policy.removals); "
    "approve the plan, or mend what takes so many away",
)  # fmt: skip
PLAN = {"plan": "0123456789ab"}
BROKEN = Problem(Place("acme.yaml", 12, 3), "x", 'unknown role "editr"')
SAID = {
    State.STOPPED: STOPPED,
    State.HELD: Reason(State.HELD, ("adoption", "policy"), {"adoption": "3", "policy": "1", **PLAN}),
    State.FAILING: Reason(State.FAILING, ("ldap",), {}, "ldap: no answer"),
    State.INVALID: of_error(MappingInvalid([BROKEN])),
    State.STALE: Reason(State.STALE, (), {"ended": "2026-11-25T08:00:00+00:00"}),
    State.WELL: Reason(),
}  # fmt: skip


def app(folder: Path, more: str) -> App:
    (folder / "key").write_text("k" * 44)
    (folder / "acme.yaml").write_text("syncd: 1\n")
    (folder / "syncd.yaml").write_text(SETTINGS + more)
    made = App(load(folder / "syncd.yaml"))
    made.db_upgrade()
    return made


@pytest.fixture
def told(tmp_path: Path) -> Iterator[App]:
    made = app(tmp_path, NOTIFY + HOOKS)
    yield made
    made.close()


def mark(of: App, hook: int) -> str:
    return Hook(of.settings.webhooks[hook].url).mark


def notices(of: App) -> list[Notice]:
    return of._db.acts.all(Notice, "acme")


def test_one_change_is_one_mail_for_each_operator_and_one_post_for_each_webhook_that_wants_it(
    told: App,
) -> None:
    for _ in range(3):
        told.judge("acme", STOPPED)
    assert sorted(one.to for one in notices(told)) == ["", "", "bo@acme.example", "ops@acme.example"]
    assert {one.about for one in notices(told)} == {"mapping.stopped"}
    (row,) = told.status()
    assert (row.reason, row.about, bool(row.told)) == ("stopped", ("removals",), True)
    told.judge("acme", Reason())
    assert len([one for one in notices(told) if one.about == "mapping.recovered"]) == 3


def test_where_nobody_is_to_be_told_status_says_so(tmp_path: Path) -> None:
    quiet = app(tmp_path, "")
    quiet.judge("acme", STOPPED)
    (row,) = quiet.status()
    assert (row.reason, row.told, notices(quiet)) == ("stopped", "", [])
    quiet.close()
    later = app(tmp_path, NOTIFY)
    later.judge("acme", STOPPED)
    assert len(notices(later)) == 2
    later.close()


@pytest.mark.parametrize("reason", SAID.values(), ids=SAID)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_mail_says_where_what_and_what_to_type(tmp_path: Path, reason: Reason, language: str) -> None:
    made = app(tmp_path, f"notify: {{mail: ops@acme.example, language: {language}, after: P0D}}\n")
    if reason.state is State.WELL:
        made.judge("acme", STOPPED)
    made.judge("acme", reason)
    mail = message(notices(made)[-1], "syncd@acme.example")
    made.close()
    text = mail.get_body(("plain",)).get_content()
    assert mail["To"] == "ops@acme.example"
    assert {"test", "acme"} <= set(mail["Subject"].replace(":", " ").split())
    assert "{" not in text
    assert ("Since" in text or "No run" in text) == (language == "en")
    typed = {
        State.STOPPED: "\nsyncd plans approve 0123456789ab\n",
        State.HELD: "\nsyncd held acme\n",
        State.FAILING: "\nsyncd doctor\n",
        State.INVALID: "\nsyncd validate acme\n",
        State.STALE: "\nsyncd doctor\n",
        State.WELL: "",
    }
    assert typed[reason.state] in text
    assert text.count("\n\n") == mail.get_body(("html",)).get_content().count("<p>") - 1


@pytest.mark.parametrize(("language", "valid"), [("en", "valid again"), ("fr", "de nouveau valide")])
def test_a_mail_about_syncd_yaml_has_the_line_and_what_to_type(
    tmp_path: Path, language: str, valid: str
) -> None:
    notify = f"notify: {{mail: ops@acme.example, language: {language}}}\n"
    with closing(app(tmp_path, notify)) as made:
        for error in (MappingInvalid([BROKEN]), MappingInvalid([BROKEN]), None):
            made.judge(reasons.SETTINGS, reasons.of_settings(error))
        found = made._db.acts.all(Notice, reasons.SETTINGS)
    mails = {one.about: message(one, "syncd@acme.example") for one in found}
    assert len(found) == len(mails) == 2
    text = mails["settings.invalid"].get_body(("plain",)).get_content()
    assert (text.count("acme.yaml:12:3"), text.count("\nsyncd validate\n")) == (1, 1)
    assert "editr" in text
    assert valid in mails["settings.recovered"]["Subject"]


def test_what_a_mail_quotes_is_in_its_language_too(told: App) -> None:
    said = {}
    for reason in SAID.values():
        said[reason.state] = next(telling._notices(told.settings, "acme", told.judge("acme", reason), reason))
    assert "40 appartenances" in said[State.STOPPED].values["what"]
    assert said[State.HELD].values["what"].endswith("approuver: 1")
    assert "rôle inconnu « editr »" in said[State.INVALID].values["what"]


def test_what_a_file_is_quoted_with_is_kept_in_the_notice_only(told: App) -> None:
    reason = of_error(MappingInvalid([Problem(Place("acme.yaml", 12, 3), "sue@acme.example", "unknown")]))
    told.judge("acme", reason)
    (told_of,) = {one.values["what"] for one in notices(told)}
    assert told_of == "sue@acme.example: unknown"
    assert "sue@acme.example" not in repr(told.known())


def test_a_webhook_gets_what_a_machine_needs(told: App) -> None:
    told.judge("acme", STOPPED)
    body = json.loads(body_of(next(one for one in notices(told) if one.hook)))
    assert (body["event"], body["mapping"]) == ("mapping.stopped", "acme")
    assert {"environment", "state", "since", "names", "plan", "what"} <= body["data"].keys()
    assert body["data"]["names"] == "removals"


# --- leaving ------------------------------------------------------------------------------------------


class Ways:
    """Every way out, by a clock that the test turns; `away` raises instead of taking anything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = datetime(2026, 11, 25, 9, tzinfo=UTC)
        self.away, self.taken = True, []
        monkeypatch.setattr(people, "now", lambda: self.now)
        monkeypatch.setattr(people, "outbox", lambda _settings: self)
        monkeypatch.setattr(people, "tell", lambda notice, *_: self.send(notice))

    def send(self, notice: Notice) -> None:
        if self.away:
            raise NotDelivered("no connection", temporary=True)
        self.taken.append(notice)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    return Ways(monkeypatch)


def test_operators_are_mailed_whatever_mail_says_and_act_notices_wait_for_their_run(
    told: App, ways: Ways
) -> None:
    act = told._db.acts.add(Notice("n_act", "acme", to="sue@acme.example", about="join.refused"))
    told.judge("acme", STOPPED)
    ways.away = False
    assert told.deliver() == {"acme": 0, "syncd.yaml": 0}
    assert len(ways.taken) == 4
    assert told._db.acts.get(Notice, act.id) == act


def test_what_cannot_leave_is_tried_again_later_and_later_and_leaves_once(told: App, ways: Ways) -> None:
    told.judge("acme", STOPPED)
    pauses = []
    for _ in range(7):
        assert told.deliver() == {"acme": 4, "syncd.yaml": 0}
        (due,) = {one.retry_at for one in notices(told)}
        pauses.append(int((due - ways.now).total_seconds()))
        ways.now = due - timedelta(seconds=1)
        told.deliver()
        assert {one.retry_at for one in notices(told)} == {due}
        ways.now = due
    assert pauses == [30, 60, 120, 240, 480, 900, 900]
    ways.away = False
    told.deliver()
    told.deliver()
    assert len({one.id for one in ways.taken}) == len(ways.taken) == 4
    assert {one.state for one in notices(told)} == {"sent"}


def test_after_a_day_it_is_given_up_and_says_why(told: App, ways: Ways) -> None:
    told.judge("acme", STOPPED)
    began = ways.now
    while told.deliver() != {"acme": 0, "syncd.yaml": 0}:
        ways.now += timedelta(minutes=15)
    assert ways.now - began > timedelta(hours=23)
    assert {(one.state, one.reason) for one in notices(told)} == {("failed", "no connection")}


def test_a_secret_that_is_missing_for_webhooks_keeps_no_mail(tmp_path: Path, ways: Ways) -> None:
    made = app(tmp_path, NOTIFY + 'webhooks: [{url: "http://127.0.0.1:1/", secret: {file: none}}]\n')
    made.judge("acme", STOPPED)
    ways.away = False
    with pytest.raises(SettingsInvalid, match="none"):
        made.deliver()
    assert {one.to for one in ways.taken} == {"ops@acme.example", "bo@acme.example"}
    made.close()


def test_a_secret_that_is_missing_for_one_webhook_keeps_nothing_from_another(
    tmp_path: Path, ways: Ways
) -> None:
    more = (
        'webhooks: [{url: "http://127.0.0.1:1/a", secret: {file: none}}, '
        '{url: "http://127.0.0.1:1/b"}, '
        '{url: "http://127.0.0.1:1/c", secret: {file: none}, events: [data.heir]}]\n'
    )
    with closing(app(tmp_path, more)) as made:
        made.judge("acme", STOPPED)
        ways.away = False
        with pytest.raises(SettingsInvalid, match="none"):
            made.deliver()
        assert [one.hook for one in ways.taken] == [mark(made, 1)]
        assert [one.hook for one in notices(made) if one.state == "waiting"] == [mark(made, 0)]


def test_the_notice_of_an_act_waits_for_the_secrets_of_the_webhooks_that_want_it_only(
    tmp_path: Path, ways: Ways
) -> None:
    more = (
        'webhooks: [{url: "http://127.0.0.1:1/a", secret: {file: none}, events: [data.heir]}, '
        '{url: "http://127.0.0.1:1/b"}]\n'
    )
    with closing(app(tmp_path, more)) as made:
        for number, about in enumerate(("data.heir", "join.refused", "unit.left")):
            made._db.acts.add(Notice(f"n_{number}", "acme", about=about))
        ways.away = False
        with pytest.raises(SettingsInvalid, match="none"):
            people.send_notices(made.settings, made._db, "acme")
        assert {one.about for one in ways.taken} == {"join.refused", "unit.left"}


def test_what_waits_is_counted_where_a_secret_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp = "smtp: {host: 127.0.0.1, port: 1, from: s@acme.example, username: s, password: {file: none}}\n"
    metrics = Metrics()
    with closing(app(tmp_path, NOTIFY)) as made:
        (tmp_path / "syncd.yaml").write_text(
            SETTINGS.replace(SETTINGS.splitlines(keepends=True)[-1], smtp) + NOTIFY
        )
        monkeypatch.setattr(made, "close", lambda: None)
        made.settings = load(tmp_path / "syncd.yaml")
        made.judge("acme", STOPPED)
        with capture_logs() as logs:
            daemon_telling.Telling(Files(made), metrics, dict)._look()
        assert metrics.registry.get_sample_value("syncd_notices_waiting", {"mapping": "acme"}) == 2
        (said,) = [one for one in logs if one["log_level"] == "error"]
        assert "none" in said["problem"]
        monkeypatch.undo()


def test_who_is_told_to_end_tries_no_further_server(told: App, ways: Ways) -> None:
    told.judge("acme", STOPPED)
    ways.away = False
    told._stop = lambda: bool(ways.taken)
    assert told.deliver() == {"acme": 3, "syncd.yaml": 0}


# --- who is told --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{mail: [nobody]}", "no mail address"),
        ("{mail: [a@b.example], events: [mapping.stoped]}", "mapping.stopped"),
        ("{mail: [a@b.example], language: de}", "fr"),
    ],
)
def test_who_is_told_is_checked_as_it_is_read(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "syncd.yaml").write_text(f"{SETTINGS}notify: {line}\n")
    with pytest.raises(SettingsInvalid, match=said) as caught:
        load(tmp_path / "syncd.yaml")
    assert caught.value.problems[0].place.line == 7


def test_every_event_has_its_words() -> None:
    of_settings = {event(reasons.SETTINGS, one) for one in (State.INVALID, State.WELL)}
    assert set(EVENTS) == set(mapping_texts.TEXTS) == {event("acme", state) for state in SAID} | of_settings


# --- syncd.yaml ---------------------------------------------------------------------------------------


def test_how_syncd_yaml_is_waits_for_a_store_that_is_away(
    tmp_path: Path, ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(app(tmp_path, NOTIFY)) as made:
        monkeypatch.setattr(made, "close", lambda: None)
        files = Files(made)
        files.problems[reasons.SETTINGS] = MappingInvalid([BROKEN])
        teller = daemon_telling.Telling(files, Metrics(), dict)
        with monkeypatch.context() as away:
            away.setattr(made, "judge", Mock(side_effect=StoreError("no answer")))
            with pytest.raises(StoreError):
                teller._look()
        for _ in range(2):
            teller._look()
            teller.reloaded()
        found = made._db.acts.all(Notice, reasons.SETTINGS)
        assert sorted(one.to for one in found) == ["bo@acme.example", "ops@acme.example"]
        monkeypatch.undo()


# --- mappings in parts --------------------------------------------------------------------------------

LYON, NICE = "/lyon", "/nice"
FAILING = SAID[State.FAILING]


@pytest.fixture
def split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """A mapping in two parts, of which everything is told at once."""
    with closing(app(tmp_path, "notify: {mail: ops@acme.example, after: P0D}\n")) as made:
        monkeypatch.setattr(made, "parts", lambda _mapping: (LYON, NICE))
        yield made


def events(of: App) -> list[str]:
    return [one.about for one in notices(of)]


def test_a_run_of_the_whole_says_of_every_part_how_it_is(split: App) -> None:
    split.judge_part("acme", LYON, FAILING)
    split.judge_part("acme", TRUNK, Reason())
    assert split.known()["acme"].present.state is State.FAILING
    split.judge_part("acme", WHOLE, Reason())
    assert split.known()["acme"].present.state is State.WELL
    split.judge_part("acme", TRUNK, Reason())
    assert events(split) == ["mapping.failing", "mapping.recovered"]


def test_what_a_run_of_the_whole_found_is_over_once_every_part_has_run(split: App) -> None:
    split.judge_part("acme", WHOLE, STOPPED)
    for part in (TRUNK, LYON):
        split.judge_part("acme", part, Reason())
        assert split.known()["acme"].present == STOPPED
    split.judge_part("acme", NICE, Reason())
    split.judge_part("acme", LYON, FAILING)
    assert events(split) == ["mapping.stopped", "mapping.recovered", "mapping.failing"]


def test_what_was_known_of_a_mapping_before_it_ran_in_parts_is_over_once_every_part_has_run(
    split: App,
) -> None:
    split.judge("acme", STOPPED)
    split.judge_part("acme", TRUNK, Reason())
    assert split.known()["acme"].present.state is State.STOPPED
    for part in (LYON, NICE):
        split.judge_part("acme", part, Reason())
    assert events(split) == ["mapping.stopped", "mapping.recovered"]


@pytest.mark.parametrize("state", [State.INVALID, State.STALE])
def test_what_a_part_cannot_find_is_over_with_the_first_run_of_one(split: App, state: State) -> None:
    split.judge("acme", SAID[state])
    split.judge_part("acme", TRUNK, Reason())
    assert split.known()["acme"].present.state is State.WELL


def test_what_is_known_of_parts_is_let_go_with_them(split: App, monkeypatch: pytest.MonkeyPatch) -> None:
    split.judge_part("acme", NICE, STOPPED)
    monkeypatch.setattr(split, "parts", lambda _mapping: (LYON,))
    split.judge_part("acme", TRUNK, Reason())
    assert split.known()["acme"].present.state is State.WELL
    split.judge_part("acme", LYON, FAILING)
    monkeypatch.setattr(split, "parts", lambda _mapping: ())
    split.judge_part("acme", TRUNK, Reason())
    assert split.known()["acme"].present.state is State.WELL
    assert not split.known()["acme"].parts


def test_files_that_are_invalid_let_go_of_nothing_that_is_known_of_parts(
    split: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    split.judge_part("acme", LYON, FAILING)
    with monkeypatch.context() as broken:
        broken.setattr(split, "parts", Mock(side_effect=MappingInvalid([BROKEN])))
        split.judge_part("acme", TRUNK, SAID[State.INVALID])
    assert split.known()["acme"].present.state is State.INVALID
    split.judge_part("acme", TRUNK, Reason())
    assert split.known()["acme"].present.state is State.FAILING


def test_of_two_parts_that_end_together_neither_says_that_it_is_over_what_the_other_found(
    split: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in (TRUNK, LYON, NICE):
        split.judge_part("acme", part, FAILING if part == LYON else Reason())
    settle = split._db.reasons.settle

    def late(name, decide):
        if name == "acme":
            monkeypatch.setattr(split._db.reasons, "settle", settle)
            split.judge_part("acme", NICE, STOPPED)
        return settle(name, decide)

    monkeypatch.setattr(split._db.reasons, "settle", late)
    split.judge_part("acme", LYON, Reason())
    assert split.known()["acme"].present.state is State.STOPPED
    assert events(split) == ["mapping.failing", "mapping.stopped"]


@pytest.mark.parametrize(("ran", "state"), [(WHOLE, State.WELL), (TRUNK, State.FAILING)])
def test_the_daemon_tells_a_run_of_the_whole_from_one_of_what_belongs_to_no_root_unit(
    split: App, monkeypatch: pytest.MonkeyPatch, ran: str, state: State
) -> None:
    monkeypatch.setattr(split, "close", lambda: None)
    split.judge_part("acme", LYON, FAILING)
    files = Files(split)
    files.run = lambda *_: RunReport("r", RunPlan("acme", "test", "00", part=ran), [], 0, "")
    teller = daemon_telling.Telling(files, Metrics(), dict)
    Runs(files, Metrics(), lambda: False, teller.ended, Mock()).run("acme", Trigger.SCHEDULE, 0)
    assert split.known()["acme"].present.state is state
    files.run = Mock(side_effect=StoreError("no answer"))
    Runs(files, Metrics(), lambda: False, teller.ended, Mock()).run("acme", Trigger.SCHEDULE, 0)
    assert split.known()["acme"].parts[TRUNK].state is State.FAILING
    monkeypatch.undo()


# --- where no run ends --------------------------------------------------------------------------------


class Files:
    """What is in force: one application, which stays open."""

    def __init__(self, of: App) -> None:
        self.settings = of.settings
        self.problems = {}
        self.app = lambda: of


def looked(of: App, monkeypatch: pytest.MonkeyPatch, *, passed: timedelta, rhythm: Rhythm) -> list[str]:
    """The events that were told by a leader who began to look that long ago and looks now."""
    monkeypatch.setattr(of, "close", lambda: None)
    teller = daemon_telling.Telling(Files(of), Metrics(), lambda: {"acme": rhythm})
    teller._look()
    teller._looked_since = {name: since - passed for name, since in teller._looked_since.items()}
    teller._looked_at_all -= daemon_telling.ALL
    teller._look()
    return [one.about for one in notices(of)]


HOURLY = rhythm_of("0 * * * *", "UTC")


@pytest.mark.parametrize(("hours", "events"), [(0, []), (1, []), (4, ["mapping.stale", "mapping.stale"])])
def test_a_leader_tells_that_nobody_runs_what_is_due(
    tmp_path: Path, ways: Ways, monkeypatch: pytest.MonkeyPatch, hours: int, events: list[str]
) -> None:
    with closing(app(tmp_path, NOTIFY)) as made:
        assert looked(made, monkeypatch, passed=timedelta(hours=hours), rhythm=HOURLY) == events


def test_a_mapping_that_is_paused_or_at_work_is_not_left_alone(
    tmp_path: Path, ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(app(tmp_path, NOTIFY)) as made:
        made.timing().pause("acme", "ann")
        assert looked(made, monkeypatch, passed=timedelta(hours=9), rhythm=HOURLY) == []
        made.timing().resume("acme", "ann")
        with made._db.lease("acme", "daemon", timedelta(minutes=2)):
            made._db.start_run("acme", "schedule", "daemon")
            assert looked(made, monkeypatch, passed=timedelta(hours=9), rhythm=HOURLY) == []
        assert looked(made, monkeypatch, passed=timedelta(hours=9), rhythm=HOURLY) == ["mapping.stale"] * 2


# --- what metrics say while other processes run -------------------------------------------------------


def ran(of: App, part: str, exit_code: int, who: str = "daemon") -> str:
    with of._db.lease("acme", who, timedelta(minutes=2), part=part):
        run = of._db.start_run("acme", "schedule", who, part)
        of._db.finish_run(run, exit_code, "", {})
    return run


@pytest.mark.parametrize(
    ("here", "there", "left"),
    [
        ("", "", None),
        ("", "/lyon", None),
        ("/lyon", "", None),
        ("/lyon", "/lyon", None),
        ("/lyon", "/nice", 1),
    ],
)
def test_what_a_run_found_is_over_once_another_process_made_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str, there: str, left: float | None
) -> None:
    metrics = Metrics()

    def value(name: str) -> float | None:
        return metrics.registry.get_sample_value(name, {"mapping": "acme"})

    with closing(app(tmp_path, NOTIFY)) as made:
        monkeypatch.setattr(made, "close", lambda: None)
        teller = daemon_telling.Telling(Files(made), metrics, dict)
        plan = RunPlan("acme", "test", "00", stops=[Stop("removals", 9, 5, "too many")], part=here)
        metrics.report("acme", RunReport(ran(made, here, 3), plan, [], 3, ""))
        teller._look()
        assert (value("syncd_stopped"), value("syncd_last_success_timestamp_seconds")) == (1, None)
        run = ran(made, there, 0)
        teller.reloaded()
        teller._look()
        assert value("syncd_stopped") == left
        begun = next(one.started for one in made._db.runs(mapping="acme") if one.id == run)
        assert value("syncd_last_success_timestamp_seconds") == begun.timestamp()
        monkeypatch.undo()


def test_what_a_run_found_is_told_on_after_a_run_by_hand_which_tells_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = Metrics()
    with closing(app(tmp_path, NOTIFY)) as made:
        monkeypatch.setattr(made, "close", lambda: None)
        plan = RunPlan("acme", "test", "00", mode="simulate")
        metrics.report("acme", RunReport(ran(made, "", 3), plan, [], 3, ""))
        ran(made, "", 3, who="ann")
        daemon_telling.Telling(Files(made), metrics, dict)._look()
        assert metrics.registry.get_sample_value("syncd_simulated", {"mapping": "acme"}) == 1
        monkeypatch.undo()
