"""deploy/helm: the chart is taken by helm, and what it makes is shut in and means what syncd means."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from deploy.local.helm import helm
from syncd.cli.serve import daemon_command
from syncd.mapping import load as load_mapping
from syncd.settings import load as load_settings
from tests.unit.docs.pages import REPOSITORY, blocks

HELM = Path(__file__).resolve().parents[3] / "deploy" / "helm"
CHART = HELM / "syncd"
EXAMPLES = ("production", "small")
PUBLIC = (
    *("--set-json", 'processes.public={"existingSecret": "syncd-public"}'),
    *("--set-json", 'settings.public_url="https://join.example.org"'),
)
MADE = {"production": ("production",), "small": ("small",), "the public page": ("production", *PUBLIC)}
PAGES = [REPOSITORY / "docs" / page for page in ("en/install.md", "fr/installation.md")]
Objects = dict[tuple[str, str], dict[str, Any]]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([helm(), *words], cwd=HELM, capture_output=True, text=True, check=False)


def refusal(*changes: str, example: str = "small") -> str:
    sets = [word for change in changes for word in ("--set-json", change)]
    done = run("template", "syncd", "syncd", "-f", f"examples/{example}.yaml", *sets)
    assert done.returncode != 0
    return done.stderr


def rendered(example: str, *more: str) -> Objects:
    done = run("template", "syncd", "syncd", "-f", f"examples/{example}.yaml", *more)
    assert done.returncode == 0, done.stderr
    made = [one for one in yaml.safe_load_all(done.stdout) if one]
    return {(one["kind"], one["metadata"]["name"]): one for one in made}


@pytest.fixture(scope="module", params=MADE)
def objects(request: pytest.FixtureRequest) -> Objects:
    return rendered(*MADE[request.param])


def pods(objects: Objects) -> list[dict[str, Any]]:
    found = [one["spec"]["template"]["spec"] for one in objects.values() if "template" in one.get("spec", {})]
    return found + [one["spec"] for one in objects.values() if one["kind"] == "Pod"]


def containers(objects: Objects) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(pod, one) for pod in pods(objects) for one in pod.get("initContainers", []) + pod["containers"]]


def deployed(objects: Objects) -> dict[str, dict[str, Any]]:
    """The pods of each role."""
    found = (one["spec"]["template"] for (kind, _), one in objects.items() if kind == "Deployment")
    return {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod for pod in found}


def ports(pod: dict[str, Any]) -> dict[str, int]:
    (container,) = pod["spec"]["containers"]
    return {port["name"]: port["containerPort"] for port in container["ports"]}


def secret_of(pod: dict[str, Any]) -> str:
    (name,) = (volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if "secret" in volume)
    return str(name)


def shown(page: Path) -> list[list[str]]:
    """The words of each command that the page shows."""
    text = "".join(block.text for block in blocks(page) if block.language == "sh").replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines()]


def created(page: Path) -> dict[str, dict[str, str]]:
    """The Secrets that the page has made: from which file each key of each comes."""
    create = ["kubectl", "create", "secret", "generic"]
    found = {}
    for name, *options in (words[len(create) :] for words in shown(page) if words[: len(create)] == create):
        pairs = (option.removeprefix("--from-file=").partition("=") for option in options)
        found[name] = {key: file or key for key, _, file in pairs}
    return found


def files_named(settings: Any) -> set[str]:
    """Every NAME of a {file: NAME}."""
    if not isinstance(settings, dict):
        return set()
    own = {settings["file"]} if settings.keys() == {"file"} else set()
    return own.union(*map(files_named, settings.values()))


@pytest.mark.parametrize("example", EXAMPLES)
def test_helm_finds_no_fault_with_the_chart(example: str) -> None:
    done = run("lint", "--strict", "syncd", "-f", f"examples/{example}.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_settings_as_mounted_are_valid_and_their_mappings_lie_where_they_say(
    objects: Objects, tmp_path: Path
) -> None:
    (tmp_path / "syncd.yaml").write_text(objects["ConfigMap", "syncd"]["data"]["syncd.yaml"])
    settings = load_settings(tmp_path / "syncd.yaml", environ={})
    assert settings.listen.health == "0.0.0.0:9464"
    assert (settings.listen.web is not None) == (("Service", "syncd-web") in objects)
    mounts = {mount["mountPath"] for _, one in containers(objects) for mount in one["volumeMounts"]}
    assert {str(mapping.from_) for mapping in settings.mappings.values()} <= mounts
    assert settings.mappings


def test_a_mapping_in_the_values_is_a_valid_one_as_kubernetes_lays_it_out(tmp_path: Path) -> None:
    values = yaml.safe_load((HELM / "examples" / "production.yaml").read_text())
    (tmp_path / "..2026_11_24").mkdir()
    for name, text in values["mappings"]["acme"].items():
        (tmp_path / "..2026_11_24" / name).write_text(text)
        (tmp_path / name).symlink_to(f"..data/{name}")
    (tmp_path / "..data").symlink_to("..2026_11_24")
    assert load_mapping(tmp_path, name="acme").document


def test_every_container_is_shut_in(objects: Objects) -> None:
    for pod, container in containers(objects):
        shut = container["securityContext"]
        assert shut["readOnlyRootFilesystem"] is True
        assert shut["allowPrivilegeEscalation"] is False
        assert shut["capabilities"] == {"drop": ["ALL"]}
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False


def test_every_mount_has_its_volume_and_every_volume_its_use(objects: Objects) -> None:
    for pod in pods(objects):
        all_of = pod.get("initContainers", []) + pod["containers"]
        mounted = {mount["name"] for one in all_of for mount in one["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_secrets_are_existing_ones_and_stand_nowhere_else(objects: Objects) -> None:
    assert not any(kind == "Secret" for kind, _ in objects)
    for (kind, name), one in objects.items():
        spec = one["spec"] if kind == "Pod" else one.get("spec", {}).get("template", {}).get("spec", {})
        secrets = [volume["secret"]["secretName"] for volume in spec.get("volumes", []) if "secret" in volume]
        wanted = name if name in ("syncd-web", "syncd-public") else "syncd-secrets"
        assert secrets in ([], [wanted])
        assert bool(secrets) == bool(spec)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_makes_every_secret_of_the_example_with_the_keys_that_are_read_there(page: Path) -> None:
    values = yaml.safe_load((HELM / "examples" / "production.yaml").read_text())
    everything, front = values["existingSecret"], values["processes"]["web"]["existingSecret"]
    made = created(page)
    assert made.keys() == {secret_of(pod) for pod in deployed(rendered("production")).values()}
    assert made[everything].keys() == files_named(values["settings"])
    assert made[front].keys() == {values["settings"]["store"]["file"]}
    assert not set(made[front].values()) & set(made[everything].values()), "web has a login of its own"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_has_the_front_desk_granted_what_it_may_once_there_are_tables(page: Path) -> None:
    roles = {f"deploy/syncd-{role}": pod for role, pod in deployed(rendered("production")).items()}
    commands = shown(page)
    assert {word for words in commands for word in words if word.startswith("deploy/syncd-")} <= roles.keys()
    (install,) = (at for at, words in enumerate(commands) if words[:2] == ["helm", "install"])
    ((granted, where),) = (
        (at, words[2]) for at, words in enumerate(commands) if words[3:7] == ["--", "syncd", "db", "grant"]
    )
    assert install < granted
    assert secret_of(roles[where]) == "syncd-secrets", "who grants is the owner of the tables"


def test_every_pod_shows_its_metrics_and_those_for_people_their_own_port_too(objects: Objects) -> None:
    listen = yaml.safe_load(objects["ConfigMap", "syncd"]["data"]["syncd.yaml"])["listen"]
    for role, pod in deployed(objects).items():
        wanted = {"health", role} & {"health", "web", "public"}
        assert {name: f"0.0.0.0:{port}" for name, port in ports(pod).items()} == {
            name: listen[name] for name in wanted
        }


def test_a_pod_is_asked_how_it_is_where_its_role_answers_machines(objects: Objects) -> None:
    for role, pod in deployed(objects).items():
        (container,) = pod["spec"]["containers"]
        port, ready = ("web", "/healthz") if role == "web" else ("health", "/readyz")
        assert container["startupProbe"]["httpGet"] == {"path": "/healthz", "port": port}
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": port}
        assert container["readinessProbe"]["httpGet"] == {"path": ready, "port": port}


def test_a_service_leads_to_the_pods_it_is_for_and_to_a_port_that_each_has(objects: Objects) -> None:
    roles = deployed(objects)
    services = {name: one["spec"] for (kind, name), one in objects.items() if kind == "Service"}
    for name, service in services.items():
        found = {
            role: ports(pod)
            for role, pod in roles.items()
            if service["selector"].items() <= pod["metadata"]["labels"].items()
        }
        listener = name.removeprefix("syncd-")
        assert found.keys() == (roles.keys() if listener == "health" else {listener})
        assert [port["targetPort"] for port in service["ports"]] == [listener]
        assert all(listener in known for known in found.values())
    assert services.keys() == {"syncd-health"} | {
        f"syncd-{role}" for role in roles.keys() & {"web", "public"}
    }


def test_pods_of_a_role_are_those_that_its_deployment_and_its_budget_mean(objects: Objects) -> None:
    deployments = [one for (kind, _), one in objects.items() if kind == "Deployment"]
    budgets = [one for (kind, _), one in objects.items() if kind == "PodDisruptionBudget"]
    for one in deployments:
        labels = one["spec"]["template"]["metadata"]["labels"]
        assert one["spec"]["selector"]["matchLabels"].items() <= labels.items()
        kept = [
            budget
            for budget in budgets
            if budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
        ]
        assert len(kept) == (one["spec"]["replicas"] > 1)


def test_tables_are_brought_up_to_date_before_a_process_starts(objects: Objects) -> None:
    jobs = [one for (kind, _), one in objects.items() if kind == "Job"]
    inits = [one for pod in pods(objects) for one in pod.get("initContainers", [])]
    first = [one["spec"]["template"]["spec"]["containers"][0] for one in jobs] + inits
    assert [one["args"] for one in first] == [["db", "upgrade"]]
    for job in jobs:
        assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
        volume = job["spec"]["template"]["spec"]["volumes"][0]
        hook = objects["ConfigMap", volume["configMap"]["name"]]["metadata"]["annotations"]
        assert hook["helm.sh/hook"] == "pre-install,pre-upgrade", "the others are not there yet"


def test_metrics_can_be_read_by_those_named_and_by_nobody_else(objects: Objects) -> None:
    (policy,) = (one for (kind, _), one in objects.items() if kind == "NetworkPolicy")
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    metrics, *people = policy["spec"]["ingress"]
    assert [port["port"] for port in metrics["ports"]] == ["health"]
    assert metrics["from"]
    for pod in deployed(objects).values():
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert "health" in ports(pod)
    reached = [port["port"] for one in people for port in one["ports"]]
    assert reached == [role for role in ("web", "public") if role in deployed(objects)]


def test_the_service_monitor_finds_the_service_and_monitoring_is_let_in() -> None:
    objects = rendered("production")
    service, monitor = objects["Service", "syncd-health"], objects["ServiceMonitor", "syncd"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [one["port"] for one in monitor["spec"]["endpoints"]] == [
        one["name"] for one in service["spec"]["ports"]
    ]
    values = yaml.safe_load((HELM / "examples" / "production.yaml").read_text())
    metrics = objects["NetworkPolicy", "syncd"]["spec"]["ingress"][0]
    assert metrics["from"] == values["networkPolicy"]["metricsFrom"]


def test_the_roles_of_the_chart_are_those_of_the_daemon() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    (role,) = (one for one in daemon_command.params if one.name == "role")
    assert isinstance(role.type, click.Choice)
    assert set(schema["properties"]["processes"]["propertyNames"]["enum"]) == set(role.type.choices)


def test_a_value_that_the_chart_does_not_know_is_refused() -> None:
    assert "replicaCount" in refusal("replicaCount=2")


def test_a_chart_without_a_secret_is_refused() -> None:
    assert "existingSecret" in refusal('existingSecret=""')


def test_several_processes_on_sqlite_are_refused() -> None:
    assert "SQLite has one process" in refusal('processes={"all": {"replicas": 2}}')
    assert "SQLite has one process" in refusal('processes={"worker": {"replicas": 1}}')
    assert "SQLite has one process" in refusal('processes={"all": {}, "web": {}}')


def test_a_front_desk_without_a_secret_of_its_own_or_without_workers_is_refused() -> None:
    held = "holds no secret"
    assert held in refusal('processes={"web": {}, "worker": {}}', example="production")
    assert held in refusal('processes.web.existingSecret="syncd-secrets"', example="production")
    alone = 'processes={"web": {"existingSecret": "syncd-web"}, "scheduler": {}}'
    assert "needs worker or all" in refusal('settings.store={"file": "store-url"}', alone)


def test_a_mapping_from_two_places_is_refused() -> None:
    assert "it can be in one only" in refusal('mappings={"acme": {"acme.yaml": "syncd: 1"}}')


def test_a_process_may_be_scaled_to_none() -> None:
    done = run(
        "template",
        "s",
        "syncd",
        "-f",
        "examples/small.yaml",
        "--set-json",
        'processes={"all":{"replicas":0}}',
    )
    (one,) = (one for one in yaml.safe_load_all(done.stdout) if one and one["kind"] == "Deployment")
    assert one["spec"]["replicas"] == 0
