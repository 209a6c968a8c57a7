"""/metrics, the spans of a run, and `syncd status`: the same facts for machines and for people."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from syncd.app_types import DaemonStanding, MappingStatus
from syncd.health import Metrics
from syncd.model import Change, Held, Key, Kind, Op, Outcome, Plan, Result, RunPlan, RunReport, Stop
from syncd.render.status import status_page

GROUP = Change(Op.CREATE, Key(Kind.GROUP, ("acme",)))
MEMBER = Change(Op.DELETE, Key(Kind.MEMBER, ("acme",), ("p_1",)))
WAITING = Change(Op.ADOPT, Key(Kind.GROUP, ("ops",)))
BEGUN = datetime(2026, 11, 24, 10, tzinfo=UTC)


def report(
    *changes: Change,
    held: tuple[Held, ...] = (),
    stops: tuple[Stop, ...] = (),
    run: str = "r-1",
    part: str = "",
) -> RunReport:
    plan = RunPlan("acme", "test", "00", [Plan("keycloak", changes, held)], stops, part=part)
    return RunReport(run, plan, [Outcome(change, Result.DONE) for change in changes])


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_what_a_run_did_found_and_left_is_counted(metrics):
    metrics.report("acme", report(GROUP, MEMBER, held=(Held(WAITING, "adoption", "it exists"),)))
    assert value(metrics, "syncd_drift_objects", mapping="acme", target="keycloak", op="create") == 1
    assert value(metrics, "syncd_drift_objects", mapping="acme", target="keycloak", op="delete") == 1
    done = {"mapping": "acme", "target": "keycloak", "op": "delete", "result": "done"}
    assert value(metrics, "syncd_changes_total", **done) == 1
    assert value(metrics, "syncd_held", mapping="acme") == 1
    assert value(metrics, "syncd_stopped", mapping="acme") == 0


def test_drift_that_is_no_longer_found_is_zero_and_not_what_it_was(metrics):
    metrics.report("acme", report(GROUP))
    metrics.report("acme", report())
    assert value(metrics, "syncd_drift_objects", mapping="acme", target="keycloak", op="create") == 0


def test_a_mapping_that_left_is_heard_of_no_more(metrics):
    for name in ("acme", "other"):
        metrics.succeeded({name: BEGUN})
        metrics.invited(name, {"sent": 2})
        metrics.report(name, report(GROUP))
    metrics.forget("acme")
    named = {
        sample.labels.get("mapping") for family in metrics.registry.collect() for sample in family.samples
    }
    assert named == {"other", None}


def test_what_a_run_found_is_told_until_another_process_made_a_newer_one(metrics):
    metrics.report("acme", report(GROUP, held=(Held(WAITING, "adoption", "it exists"),)))
    metrics.invited("acme", {"failed": 1})
    metrics.valid.labels("acme").set(0)
    metrics.succeeded({"acme": BEGUN})
    assert metrics.told() == {"acme": {"": "r-1"}}
    metrics.superseded("acme", {"r-0"})
    assert value(metrics, "syncd_held", mapping="acme") == 1
    metrics.superseded("acme", {"r-1"})
    named = {
        family.name
        for family in metrics.registry.collect()
        for sample in family.samples
        if "mapping" in sample.labels
    }
    assert named == {"syncd_last_success_timestamp_seconds", "syncd_changes", "syncd_mapping_valid"}
    assert metrics.told() == {}


def test_of_a_mapping_in_parts_those_are_told_of_that_ran_here_last(metrics):
    for run, part in (("r-1", "/lyon"), ("r-2", "/nice")):
        held = (Held(WAITING, "adoption", "it exists"),)
        metrics.report("acme", report(GROUP, held=held, run=run, part=part))
    metrics.superseded("acme", {"r-1"})
    assert value(metrics, "syncd_held", mapping="acme") == 1
    assert value(metrics, "syncd_drift_objects", mapping="acme", target="keycloak", op="create") == 1
    assert metrics.told() == {"acme": {"/nice": "r-2"}}


def test_no_metric_names_a_person_or_a_unit(metrics):
    labels = {
        name for family in metrics.registry.collect() for sample in family.samples for name in sample.labels
    }
    metrics.report("acme", report(GROUP, MEMBER))
    shown = {
        found
        for family in metrics.registry.collect()
        for sample in family.samples
        for found in sample.labels.items()
    }
    assert labels <= {"mapping", "target", "op", "result", "state", "le", "version", "environment", "config"}
    assert not any("p_1" in text or "acme/" in text for _, text in shown)


def test_the_page_is_prometheus_text(metrics):
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    assert {"syncd_target_requests", "syncd_queue_depth", "syncd_leader"} <= {one.name for one in families}


ROWS = [
    MappingStatus("acme", "2026-11-24T10:00:00+00:00", "0", "2026-11-24T10:00:00+00:00", 1, 2, 0, 40, 55, 7,
                  {"requested": 0, "sent": 4, "failed": 1}),
    MappingStatus("other", invitations={"requested": 0, "sent": 0, "failed": 0}),
]  # fmt: skip


def test_status_shows_only_the_states_that_some_invitation_has():
    _, invitations, _ = status_page(ROWS, None, "127.0.0.1:9464")
    assert invitations.columns == ("mapping", "sent", "failed")
    assert invitations.rows == (("acme", "4", "1"),)


def test_status_says_where_it_looked_for_a_daemon_that_is_not_there():
    assert status_page(ROWS, None, "127.0.0.1:9464")[-1].lines == (
        "No daemon over this syncd.yaml answers at 127.0.0.1:9464.",
    )


def test_status_tells_of_the_daemon_what_metrics_tell():
    daemon = DaemonStanding(
        "127.0.0.1:9464", "1.0", True, 2, {"store": "locked"}, (("main", "GET", "200", 9),)
    )
    *_, block, requests = status_page(ROWS, daemon, "127.0.0.1:9464")
    assert block.rows == (("store", "locked"),)
    assert block.lines == ("it says when mappings run; waiting to run: 2",)
    assert requests.rows == (("main", "GET", "200", "9"),)
    (block,) = status_page((), DaemonStanding("127.0.0.1:9464", "1.0", True, None), "127.0.0.1:9464")[1:]
    assert block.lines == ("it says when mappings run; waiting to run: unknown",)
