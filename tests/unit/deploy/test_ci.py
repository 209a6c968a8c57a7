"""What repositories of mappings use: the hooks of pre-commit, and the check that CI runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
import yaml

from syncd.cli import root

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).resolve().parents[3]
CI = REPOSITORY / "deploy" / "ci"
HOOKS: list[dict[str, Any]] = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text())
ACTION: dict[str, Any] = yaml.safe_load((CI / "github" / "action.yml").read_text())
EXAMPLE: dict[str, Any] = yaml.safe_load((CI / "github" / "example.yml").read_text())
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
            "CALLS": str(calls), "SYNCD_COMMENT": str(tmp_path / "comment.md"), **variables,
        }  # fmt: skip
        return subprocess.run([CI / "check"], env=environ, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_a_hook_of_pre_commit_calls_a_command_that_exists(hook: dict[str, Any]) -> None:
    program, command = hook["entry"].split()
    assert program == "syncd"
    assert root.get_command(click.Context(root), command) is not None
    assert {"id", "name", "entry", "language"} <= set(hook)


def test_bash_understands_the_check() -> None:
    assert subprocess.run(["bash", "-n", CI / "check"], check=False).returncode == 0


def test_mappings_are_validated_as_named_and_nothing_is_planned_unasked(check: Any, calls: Path) -> None:
    assert check(SYNCD_PATHS="mappings/acme more").returncode == 0
    assert set(calls.read_text().splitlines()) == {
        "--output github validate mappings/acme more",
        "--output markdown validate mappings/acme more",
    }


def test_invalid_mappings_fail_and_are_not_planned(check: Any, calls: Path, tmp_path: Path) -> None:
    assert check(VALID="65", SYNCD_PLAN="true").returncode == 65
    assert "plan" not in calls.read_text()
    assert "validated" in (tmp_path / "comment.md").read_text()


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "merge_request_event"])
def test_a_pull_request_is_never_planned_against_production(check: Any, calls: Path, event: str) -> None:
    done = check(SYNCD_PLAN="true", SYNCD_EVENT=event, ENVIRONMENT="production")
    assert done.returncode == 64
    assert "not planned against production" in done.stderr
    assert " plan" not in calls.read_text()


def test_a_pull_request_is_planned_against_a_test_environment(check: Any, tmp_path: Path) -> None:
    assert check(SYNCD_PLAN="true", SYNCD_EVENT="pull_request", ENVIRONMENT="staging").returncode == 0
    assert "#### Plan (staging)\n\nplanned" in (tmp_path / "comment.md").read_text()


@pytest.mark.parametrize(("planned", "code"), [("0", 0), ("2", 0), ("3", 3), ("4", 4)])
def test_changes_are_no_failure_and_a_limit_is_one(check: Any, planned: str, code: int) -> None:
    done = check(SYNCD_PLAN="true", SYNCD_EVENT="push", ENVIRONMENT="production", PLANNED=planned)
    assert done.returncode == code
    assert ("::warning::" in done.stdout) == (code == 3)


def test_the_action_runs_the_check_that_is_beside_it() -> None:
    steps = {step["name"]: step for step in ACTION["runs"]["steps"] if "name" in step}
    assert (CI / "github" / "../check").resolve() == CI / "check"
    assert steps["Validate and plan"]["run"] == '"${{ github.action_path }}/../check"'
    assert steps["Validate and plan"]["env"]["SYNCD_EVENT"] == "${{ github.event_name }}"
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


def test_a_real_mapping_passes_the_check_with_the_real_program(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "mappings" / "demo", tmp_path / "demo")
    comment = tmp_path / "comment.md"
    environ = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path),
        "SYNCD_PATHS": "demo", "SYNCD_COMMENT": str(comment),
    }  # fmt: skip
    done = subprocess.run(
        [CI / "check"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert comment.read_text().startswith("<!-- syncd -->")
