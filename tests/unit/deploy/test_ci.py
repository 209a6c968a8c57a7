"""What repositories of mappings use: the hooks of pre-commit, and the check that CI runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
import yaml

from syncd.cli import root
from syncd.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).resolve().parents[3]
CI = REPOSITORY / "deploy" / "ci"
HOOKS: list[dict[str, Any]] = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text())
ACTION: dict[str, Any] = yaml.safe_load((CI / "github" / "action.yml").read_text())
EXAMPLE: dict[str, Any] = yaml.safe_load((CI / "github" / "example.yml").read_text())
GITLAB: dict[str, Any] = yaml.safe_load((CI / "gitlab.yml").read_text())
DOCKERFILE = (REPOSITORY / "deploy" / "docker" / "Dockerfile").read_text()
EVENTS = ("push", "pull_request", "pull_request_target", "schedule", "workflow_dispatch")
SETTINGS = """\
environment: {environment}
integrity_key: {{env: KEY}}
connections:
  sso:
    type: keycloak
    url: https://127.0.0.1:1
    realm: acme
    client_id: reader
    client_secret: {{env: SECRET}}
mappings: {{demo: demo}}
"""
SECRETS = {"KEY": "k" * 44, "SECRET": "of the account that reads"}
FAKE = """\
#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
*"config show"*) echo '{"settings": [{"key": "environment", "value": "'"$ENVIRONMENT"'"}]}' ;;
*validate*) echo "validated"; exit ${VALID:-0} ;;
*plan*) echo "planned"; exit ${PLANNED:-2} ;;
esac
"""


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return tmp_path / "calls"


@pytest.fixture
def check(tmp_path: Path, calls: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The script of CI beside a syncd that only notes what it is asked."""
    program = tmp_path / "syncd"
    program.write_text(FAKE)
    program.chmod(0o755)

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": f"{tmp_path}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "CALLS": str(calls), "CHECK_COMMENT": str(tmp_path / "comment.md"), **variables,
        }  # fmt: skip
        return subprocess.run([CI / "check"], env=environ, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of mappings as CI checks it out, with settings of production and of a test environment."""
    folder = tmp_path / "repository"
    shutil.copytree(REPOSITORY / "mappings" / "demo", folder / "demo")
    (folder / "syncd.yaml").write_text(SETTINGS.format(environment="production"))
    (folder / "staging.yaml").write_text(SETTINGS.format(environment="staging"))
    return folder


def run_really(
    command: list[str], folder: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """As CI does it, with the real program."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {"PATH": path, "HOME": str(folder.parent), **variables}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def in_github(folder: Path, event: str, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The check with every variable that action.yml gives it, as GitHub would fill them in."""
    known = {f"inputs.{name}": inputs.get(name, each["default"]) for name, each in ACTION["inputs"].items()}
    known |= {"github.event_name": event, "runner.temp": str(folder.parent)}
    (step,) = (step for step in ACTION["runs"]["steps"] if step.get("id") == "check")
    variables = {
        name: re.sub(r"\$\{\{ (\S+) \}\}", lambda match: known[match[1]], text)
        for name, text in step["env"].items()
    }
    secrets = SECRETS if inputs.get("plan") else {}
    return run_really([str(CI / "check")], folder, {**secrets, **variables})


def in_gitlab(folder: Path, job: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The script of a job: over what its image sets the job's variables, over those the project's."""
    words = GITLAB[job]
    image = DOCKERFILE.partition(" AS syncd\n")[2]
    of_image = dict(re.findall(r"(SYNCD_\w+)=(\S+)", image))
    assert of_image
    of_job = GITLAB[words["extends"]]["variables"] | words.get("variables", {})
    script = "\n".join(words["script"])
    return run_really(["bash", "-euo", "pipefail", "-c", script], folder, {**of_image, **of_job, **variables})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    (folder / "syncd.yaml").write_text(SETTINGS.format(environment="production"))
    assert run_really(["syncd", "db", "upgrade"], folder, SECRETS).returncode == 0
    return folder / "syncd.db"


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_a_hook_of_pre_commit_calls_a_command_that_exists(hook: dict[str, Any]) -> None:
    program, command = hook["entry"].split()
    assert program == "syncd"
    assert root.get_command(click.Context(root), command) is not None
    assert {"id", "name", "entry", "language"} <= set(hook)


def test_bash_understands_the_check() -> None:
    assert subprocess.run(["bash", "-n", CI / "check"], check=False).returncode == 0


def test_mappings_are_validated_as_named_and_nothing_is_planned_unasked(check: Any, calls: Path) -> None:
    assert check(CHECK_PATHS="mappings/acme more").returncode == 0
    assert set(calls.read_text().splitlines()) == {
        "--output github validate mappings/acme more",
        "--output markdown validate mappings/acme more",
    }


def test_invalid_mappings_fail_and_are_not_planned(check: Any, calls: Path, tmp_path: Path) -> None:
    assert check(VALID="65", CHECK_PLAN="true").returncode == 65
    assert "plan" not in calls.read_text()
    assert "validated" in (tmp_path / "comment.md").read_text()


@pytest.mark.parametrize(
    "event", ["pull_request", "pull_request_target", "merge_group", "merge_request_event"]
)
def test_a_pull_request_is_never_planned_against_production(check: Any, calls: Path, event: str) -> None:
    done = check(CHECK_PLAN="true", CHECK_EVENT=event, ENVIRONMENT="production")
    assert done.returncode == 64
    assert "not planned against production" in done.stderr
    assert " plan" not in calls.read_text()


def test_a_pull_request_is_planned_against_a_test_environment(check: Any, tmp_path: Path) -> None:
    assert check(CHECK_PLAN="true", CHECK_EVENT="pull_request", ENVIRONMENT="staging").returncode == 0
    assert "#### Plan (staging)\n\nplanned" in (tmp_path / "comment.md").read_text()


@pytest.mark.parametrize(("planned", "code"), [("0", 0), ("2", 0), ("3", 3), ("4", 4)])
def test_changes_are_no_failure_and_a_limit_is_one(check: Any, planned: str, code: int) -> None:
    done = check(CHECK_PLAN="true", CHECK_EVENT="push", ENVIRONMENT="production", PLANNED=planned)
    assert done.returncode == code
    assert ("::warning::" in done.stdout) == (code == 3)


def test_the_action_runs_the_check_that_is_beside_it() -> None:
    steps = {step["name"]: step for step in ACTION["runs"]["steps"] if "name" in step}
    assert (CI / "github" / "../check").resolve() == CI / "check"
    assert steps["Validate and plan"]["run"] == '"${{ github.action_path }}/../check"'
    assert steps["Validate and plan"]["env"]["CHECK_EVENT"] == "${{ github.event_name }}"
    assert all(step.get("shell") == "bash" for step in steps.values())


def test_nothing_that_a_pull_request_says_is_put_into_a_script() -> None:
    """An expression in `run` is text before it is shell: what others write would be run."""
    for step in ACTION["runs"]["steps"]:
        text = step.get("run", "").replace("${{ github.action_path }}", "")
        assert "${{" not in text


def test_the_example_gives_pull_requests_no_secret_and_no_right_to_write_but_the_comment() -> None:
    review = EXAMPLE["jobs"]["review"]
    assert "secrets." not in str(review)
    assert review["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert EXAMPLE["permissions"] == {}
    plan = EXAMPLE["jobs"]["plan"]
    assert plan["if"] == "github.event_name == 'push'"
    assert plan["environment"]


def test_inputs_of_the_example_are_those_of_the_action() -> None:
    for job in EXAMPLE["jobs"].values():
        used = [step for step in job["steps"] if "deploy/ci/github@" in step["uses"]]
        assert len(used) == 1
        assert set(used[0]["with"]) <= set(ACTION["inputs"])


@pytest.mark.parametrize("event", ["push", "pull_request", "merge_group"])
def test_the_action_validates_by_the_settings_without_any_secret(repository: Path, event: str) -> None:
    """Whoever reads settings reads the variables too: one taken for a misspelt setting would end this."""
    done = in_github(repository, event)
    assert done.returncode == 0, done.stderr
    comment = (repository.parent / "syncd-comment.md").read_text()
    assert comment.startswith("<!-- syncd -->")
    assert "Valid: 1 mapping" in comment


def test_the_action_validates_files_without_any_settings(repository: Path) -> None:
    (repository / "syncd.yaml").unlink()
    assert in_github(repository, "pull_request", paths="demo").returncode == 0


@pytest.mark.parametrize("event", EVENTS)
def test_the_action_plans_production_but_never_on_a_pull_request(
    repository: Path, store: Path, event: str
) -> None:
    shutil.copy(store, repository)
    done = in_github(repository, event, plan="true")
    comment = (repository.parent / "syncd-comment.md").read_text()
    if event.startswith("pull_request"):
        assert done.returncode == 64
        assert "not planned against production" in done.stderr
        assert "Plan" not in comment
    else:
        assert done.returncode == 4, done.stderr  # no Keycloak answers here, and the plan says so
        assert "#### Plan (production)" in comment
        assert "refuses connections" in comment


def test_the_action_plans_a_pull_request_against_a_test_environment(repository: Path, store: Path) -> None:
    shutil.copy(store, repository)
    done = in_github(repository, "pull_request", plan="true", config="staging.yaml")
    assert done.returncode == 4, done.stderr
    assert "#### Plan (staging)" in (repository.parent / "syncd-comment.md").read_text()


def test_variables_of_ci_that_begin_like_settings_are_settings() -> None:
    """What else begins with SYNCD_ may be taken for a misspelt setting, of today or of tomorrow."""
    texts = [
        (CI / name).read_text() for name in ("check", "gitlab.yml", "github/action.yml", "github/example.yml")
    ]
    used = {name for text in texts for name in re.findall(r"\bSYNCD_([A-Z_]+)\b", text)}
    assert {name.lower() for name in used} <= {"config", *Settings.model_fields}


def test_only_the_plan_of_the_protected_branch_is_given_the_store() -> None:
    """A runner begins without a store, and only that of production knows what is ours."""
    (step,) = (each for each in EXAMPLE["jobs"]["plan"]["steps"] if "env" in each)
    assert step["env"]["SYNCD_STORE"] == "${{ secrets.SYNCD_STORE }}"
    assert "SYNCD_STORE" not in str(EXAMPLE["jobs"]["review"])


def test_the_store_and_the_key_of_the_example_need_no_line_in_the_settings(repository: Path) -> None:
    (repository / "syncd.yaml").write_text("environment: production\nmappings: {demo: demo}\n")
    (step,) = (each for each in EXAMPLE["jobs"]["plan"]["steps"] if "env" in each)
    secret = "postgresql://reader:hidden@db.example.org/syncd"
    given = {name: secret for name in step["env"] if name.startswith("SYNCD_")}
    done = run_really(["syncd", "--output", "json", "config", "show"], repository, given)
    assert done.returncode == 0, done.stderr
    shown = {each["key"]: each["value"] for each in json.loads(done.stdout)["settings"]}
    assert "SYNCD_STORE" in shown["store"]
    assert "SYNCD_INTEGRITY_KEY" in shown["integrity_key"]
    assert "hidden" not in done.stdout


def test_gitlab_validates_the_mappings_of_the_settings_in_the_repository(repository: Path) -> None:
    done = in_gitlab(repository, "syncd-validate")
    assert done.returncode == 0, done.stderr
    assert "Valid: 1 mapping" in done.stdout


def test_gitlab_validates_the_files_that_a_project_names(repository: Path) -> None:
    (repository / "syncd.yaml").unlink()
    done = in_gitlab(repository, "syncd-validate", CHECK_PATHS="demo")
    assert done.returncode == 0, done.stderr


def test_gitlab_plans_by_the_settings_in_the_repository_and_keeps_the_plan(
    repository: Path, store: Path
) -> None:
    shutil.copy(store, repository)
    done = in_gitlab(repository, "syncd-plan", **SECRETS)
    assert done.returncode == 4, done.stderr  # no Keycloak answers here, and the plan says so
    kept = GITLAB["syncd-plan"]["artifacts"]
    assert kept["when"] == "always"
    assert "refuses connections" in (repository / kept["paths"][0]).read_text()
