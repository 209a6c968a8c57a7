"""deploy/monitoring: Prometheus takes the rules, and nobody asks for a metric that does not exist."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from syncd.health import ErrandMetrics, Metrics, WebMetrics
from syncd.model import Change, Key, Kind, Op, Outcome, Plan, Result, RunPlan, RunReport

MONITORING = Path(__file__).resolve().parents[3] / "deploy" / "monitoring"
RULES: list[dict[str, Any]] = yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
PAGES = [MONITORING.parents[1] / "docs" / page for page in ("en/troubleshoot.md", "fr/depannage.md")]


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *words], cwd=MONITORING, capture_output=True, text=True, check=False)


def told() -> dict[str, set[str]]:
    """Every metric name that /metrics has, with its labels."""
    metrics = Metrics()
    change = Change(Op.CREATE, Key(Kind.GROUP, ("acme",)))
    plan = RunPlan("acme", "test", "00", [Plan("keycloak", [change])], failed={"ldap": "down"})
    metrics.report("acme", RunReport("r-1", plan, [Outcome(change, Result.DONE)]))
    metrics.runs.labels("acme", "0").inc()
    metrics.seconds.labels("acme").observe(1)
    metrics.valid.labels("acme").set(1)
    metrics.invited("acme", {"failed": 0})
    metrics.untold.labels("acme").set(0)
    metrics.succeeded({"acme": datetime.now(UTC)})
    metrics.named("test", Path("syncd.yaml"))
    web = WebMetrics("public", "test")
    web.requests.labels("/join/{token}", "429").inc()
    ErrandMetrics(metrics.registry, "worker")
    ErrandMetrics(web.registry, "front").waits(lambda: 0)
    families = [*metrics.registry.collect(), *web.registry.collect()]
    found = {s.name: set(s.labels) for family in families for s in family.samples}
    return found | {"syncd_target_requests_total": {"target", "op", "result"}}


def expressions() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    variables = [one["definition"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]
    return [*(rule["expr"] for rule in RULES), *panels, *variables]


def test_prometheus_takes_the_rules() -> None:
    done = promtool("check", "rules", "rules.yaml")
    assert (done.returncode, f"{len(RULES)} rules found" in done.stdout) == (0, True), done.stderr


def test_the_rules_wake_somebody_when_they_should_and_only_then() -> None:
    done = promtool("test", "rules", "rules_test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    tested = (MONITORING / "rules_test.yaml").read_text()
    assert [rule["alert"] for rule in RULES if rule["alert"] not in tested] == []


def test_every_metric_of_the_rules_and_of_the_dashboard_is_told() -> None:
    metrics = told()
    asked = [(name, text) for text in expressions() for name in re.findall(r"\bsyncd_\w+", text)]
    assert len(asked) > 30
    assert [(name, text) for name, text in asked if name not in metrics] == []


def test_every_label_that_is_chosen_by_is_one_of_its_metric() -> None:
    metrics = told()
    wrong = [
        (name, label)
        for text in expressions()
        for name, chosen in re.findall(r"(syncd_\w+)\{([^}]*)\}", text)
        for label in re.findall(r"(\w+)=", chosen)
        if label not in metrics[name] | {"instance"}
    ]
    assert wrong == []


def test_every_metric_but_those_of_prometheus_itself_is_on_the_dashboard() -> None:
    shown = " ".join(expressions())
    untold = [name for name in told() if not name.endswith(("_created", "_sum", "_count"))]
    assert [name for name in untold if name not in shown] == []


def test_panels_do_not_overlap_and_have_a_description() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not taken & cells
        assert panel["description"]
        taken |= cells


def test_every_alert_is_explained_in_both_languages() -> None:
    for page in PAGES:
        text = page.read_text("utf-8")
        assert [rule["alert"] for rule in RULES if f"`{rule['alert']}`" not in text] == []


def test_every_metric_is_named_where_the_daemon_is_described() -> None:
    for page in ("en/operate.md", "fr/exploitation.md"):
        text = (MONITORING.parents[1] / "docs" / page).read_text("utf-8")
        names = {re.sub("_(bucket|sum|count|created)$", "", name) for name in told()}
        assert sorted(name for name in names if f"`{name}" not in text) == []
