"""Every command, what it answers with, and what it asks of the application."""

import json
from dataclasses import replace

import click
import pytest

from syncd.cli import root
from syncd.cli.tree import COMMANDS
from syncd.errors import Busy, LoginRefused, MappingInvalid, Refused, StoreError, Unreachable
from syncd.model import Check, RunPlan
from syncd.render import plan_document
from tests.unit.cli.sample import run_plan

EMPTY = RunPlan("acme", "production", "00")
ONLY_CHANGES = RunPlan("acme", "production", "9f2c41d07be65a3388aa", plans=run_plan().plans)


def words(value):
    return " ".join(value) if isinstance(value, list | tuple) else None


def everything(command: click.Command = root, path: tuple[str, ...] = ()):
    ctx = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            yield from everything(command.get_command(ctx, name), (*path, name))
    yield path


@pytest.mark.parametrize("path", list(everything()), ids=words)
def test_every_command_has_help_in_both_languages(call, path):
    english, french = call(*path, "--help"), call("--lang", "fr", *path, "--help")
    assert (english.code, french.code) == (0, 0)
    assert "Show this message and exit." in english.out
    assert "Afficher cette aide et quitter." in french.out
    assert english.out.split("\n\n")[1] != french.out.split("\n\n")[1]


def test_help_of_the_root_names_every_command_of_the_tree(call):
    out = call("--help").out
    assert [name for name in COMMANDS if f"  {name} " not in out] == []


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["held"], 0),
        (["adopt", "/acme/ops"], 0),
        (["release", "acme", "--yes"], 0),
        (["status"], 0),
        (["explain", "ann@acme.example", "/acme"], 0),
        (["doctor"], 0),
        (["bootstrap", "--realm", "acme", "--remove"], 0),
        (["plans", "list"], 0),
        (["plans", "show", "pl-1"], 0),
        (["plans", "approve", "pl-1", "--reason", "checked"], 0),
        (["plans", "refuse", "pl-1"], 0),
        (["runs", "list"], 0),
        (["runs", "show", "r-1"], 0),
        (["audit", "verify"], 0),
        (["audit", "export"], 0),
        (["audit", "export", "--format", "jsonl"], 0),
        (["db", "upgrade"], 0),
        (["db", "check"], 0),
        (["db", "rebuild"], 0),
        (["validate", "acme"], 0),
        (["schema"], 0),
        (["sync"], 0),
        (["plan", "--nonsense"], 64),
        (["nonsense"], 64),
        (["plans", "approve"], 64),
        (["runs", "list", "--limit", "many"], 64),
        (["--output", "yaml", "status"], 64),
        (["plan", "nowhere"], 64),
        (["plans"], 64),
        ([], 64),
    ],
    ids=words,
)
def test_what_each_command_answers_with(call, app, args, code):
    result = call(*args)
    assert result.code == code, result.err
    assert (result.out or result.err).strip()


@pytest.mark.parametrize("output", ["json", "markdown", "github"])
@pytest.mark.parametrize(
    "args",
    [
        ["plan"],
        ["sync"],
        ["held"],
        ["status"],
        ["doctor"],
        ["explain", "ann"],
        ["plans", "list"],
        ["runs", "show", "r"],
    ],
    ids=words,
)
def test_every_result_has_every_form(call, app, args, output):
    result = call("--output", output, *args)
    assert result.out.strip()
    if output == "json":
        assert json.loads(result.out)["format_version"] == 1


def test_global_options_may_stand_behind_the_command(call, app):
    assert json.loads(call("status", "--output", "json").out)["kind"] == "status"


@pytest.mark.parametrize(
    ("plan", "detailed", "code"),
    [(EMPTY, True, 0), (ONLY_CHANGES, False, 0), (ONLY_CHANGES, True, 2), (run_plan(), True, 4)],
)
def test_plan_answers_with_what_it_found(call, app, plan, detailed, code):
    app.plans_made["acme"] = plan
    assert call("plan", *(["--detailed-exitcode"] if detailed else [])).code == code


def test_a_plan_that_a_limit_stops_answers_3(call, app):
    app.plans_made["acme"] = RunPlan("acme", "production", "00", stops=run_plan().stops)
    assert call("plan").code == 3


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("a limit"), 3),
        (Unreachable("keycloak", "no answer", "Is it up?"), 4),
        (LoginRefused("ldap", "bind refused"), 4),
        (Busy("another run"), 75),
        (StoreError("too old", "syncd db upgrade"), 1),
        (RuntimeError("boom"), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_failure_has_its_code_and_says_what_to_do(call, app, error, code):
    app.error = error
    result = call("plan")
    assert result.code == code
    assert "Error: " in result.err
    assert getattr(error, "remedy", "") in result.err
    assert app.closed == 1


def test_an_invalid_mapping_answers_65_with_its_place(call, app, wrong):
    app.error = MappingInvalid([wrong])
    result = call("plan")
    assert result.code == 65
    assert 'm.yaml:2:3: teams.editr: unknown role "editr"; did you mean "editor"?' in result.err


def test_a_failure_as_json_is_one_document_on_stdout(call, app):
    app.error = Unreachable("keycloak", "no answer", "Is it up?")
    result = call("--output", "json", "plan")
    document = json.loads(result.out)
    assert (document["kind"], document["exit_code"], document["remedy"]) == ("error", 4, "Is it up?")


def test_one_mapping_that_fails_does_not_keep_the_others_waiting(call, app):
    app.names = ["acme", "beta"]
    app.plans_made["beta"] = RunPlan("beta", "production", "beta-digest")
    plan = app.plan

    def first_fails(mapping, **how):
        if mapping == "acme":
            raise Busy("another run of acme")
        return plan(mapping, **how)

    app.plan = first_fails
    result = call("sync")
    assert result.code == 75
    assert [act[:2] for act in app.acts] == [("plan", "beta"), ("apply", "beta")]


def test_doctor_answers_1_where_a_check_fails(call, app):
    app.checks.append(Check("ldap", "fail", "bind refused", "check the password"))
    result = call("doctor")
    assert result.code == 1
    assert "check the password" in result.out


@pytest.mark.parametrize("args", [["audit", "verify"], ["db", "check"]], ids=words)
def test_a_damaged_store_answers_1(call, app, args):
    app.faults = ["row 12 was altered"]
    result = call(*args)
    assert result.code == 1
    assert "row 12 was altered" in result.out


class TestApply:
    def test_without_a_person_and_without_yes_it_is_refused(self, call, app):
        result = call("apply")
        assert result.code == 64
        assert app.acts == []

    def test_with_yes_it_is_confirmed(self, call, app):
        result = call("apply", "--yes")
        assert result.code == 0
        assert app.acts[-1][:3] == ("apply", "acme", True)
        assert "Plan of acme in production" in result.out
        assert "Run r-1 of acme" in result.out

    def test_sync_is_never_a_confirmation(self, call, app):
        call("sync")
        assert app.acts[-1] == ("apply", "acme", False, "schedule")

    @pytest.mark.parametrize(("answer", "code"), [("yes\n", 0), ("y\n", 3), ("\n", 3), ("no\n", 3)])
    def test_only_yes_is_taken_for_yes(self, call, app, monkeypatch, answer, code):
        monkeypatch.setattr("syncd.cli.session.Session.interactive", lambda _self: True)
        app.plans_made["acme"] = ONLY_CHANGES
        assert call("apply", answer=answer).code == code
        assert ("apply" in [act[0] for act in app.acts]) is (code == 0)

    def test_a_plan_that_a_limit_stops_is_not_even_asked_about(self, call, app, monkeypatch):
        monkeypatch.setattr("syncd.cli.session.Session.interactive", lambda _self: True)
        stop = type(run_plan().stops[0])("grants", 30, 10, "too many")
        app.plans_made["acme"] = RunPlan("acme", "production", "9f2c", plans=run_plan().plans, stops=(stop,))
        result = call("apply", answer="yes\n")
        assert result.code == 3
        assert "syncd plans approve 9f2c" in result.err

    def test_a_reviewed_plan_runs_only_if_a_fresh_one_is_equal(self, call, app, tmp_path):
        file = tmp_path / "plan.json"
        assert call("plan", "--out", str(file)).code == 4
        assert call("apply", "--plan", str(file)).code == 0
        assert call("apply", str(file)).code == 0
        app.plans_made["acme"] = RunPlan("acme", "production", "another digest")
        assert call("apply", "--plan", str(file)).code == 3

    def test_a_file_that_is_no_plan_is_refused(self, call, app, tmp_path):
        file = tmp_path / "plan.json"
        file.write_text('{"kind": "report"}')
        result = call("apply", "--plan", str(file))
        assert result.code == 64
        assert "not a plan document" in result.err

    @pytest.mark.parametrize("content", [b"[]", b"\xff\xfe\x00", b"[" * 200_000, b'{"kind": '])
    def test_a_file_that_is_no_document_at_all_is_refused(self, call, app, tmp_path, content):
        file = tmp_path / "plan.json"
        file.write_bytes(content)
        result = call("apply", "--plan", str(file))
        assert (result.code, "--out" in result.err) == (64, True)

    def test_a_plan_of_another_mapping_is_refused(self, call, app, tmp_path):
        file = tmp_path / "plan.json"
        file.write_text(json.dumps(plan_document(run_plan())))
        assert call("apply", "beta", "--plan", str(file)).code == 64

    def test_a_partial_run_answers_with_its_code_and_says_what_failed(self, call, app):
        app.report_code = 1
        result = call("apply", "--yes")
        assert result.code == 1
        assert "403: manage-users is missing" in result.out

    def test_as_json_only_the_report_is_printed(self, call, app):
        document = json.loads(call("apply", "--yes", "--output", "json").out)
        assert (document["kind"], document["results"]["done"]) == ("report", 7)


def test_release_asks_for_the_name(call, app, monkeypatch):
    assert call("release", "acme").code == 64
    monkeypatch.setattr("syncd.cli.session.Session.interactive", lambda _self: True)
    assert call("release", "acme", answer="beta\n").code == 3
    assert app.acts == []
    assert call("release", "acme", answer="acme\n").code == 0


def test_bootstrap_hands_over_paths_of_secrets_not_secrets(call, app, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("canary-7f3a")
    call("bootstrap", "acme", "--admin-client-secret-file", str(secret), "--smtp-port", "2525")
    request = app.acts[-1][1]
    assert (request.mapping, request.admin_client_secret_file, request.smtp_port) == (
        "acme",
        str(secret),
        2525,
    )
    assert "canary" not in repr(request)


def test_exported_cells_are_no_formulas(call, app):
    assert ",'=cmd|x," in call("audit", "export").out


def test_without_syncd_yaml_the_remedy_is_named(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call("config", "show")
    assert result.code == 64
    assert "syncd init" in result.err


class TestNarrowing:
    def test_apply_plans_and_carries_out_the_same_part(self, call, app):
        assert call("apply", "--only", "/acme", "--target", "ldap", "--yes").code == 0
        assert app.acts[0] == ("plan", "acme", "/acme", "ldap")

    def test_a_reviewed_plan_is_not_narrowed_afterwards(self, call, app, tmp_path):
        file = tmp_path / "plan.json"
        assert call("plan", "--out", str(file)).code == 4
        result = call("apply", "--plan", str(file), "--only", "/acme")
        assert (result.code, "says itself how far it goes" in result.err) == (64, True)

    def test_the_screen_says_how_far_a_plan_goes_and_what_to_type(self, call, app):
        whole = app.plans_made["acme"]
        app.plans_made["acme"] = replace(whole, only="/acme/R and D", target="ldap", stops=())
        out = call("plan").out
        assert "Only /acme/R and D and all below" in out
        assert "Only the target ldap." in out
        assert "syncd apply acme --only '/acme/R and D' --target ldap" in " ".join(out.split())
