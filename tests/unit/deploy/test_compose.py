"""deploy/docker/compose.yaml: the stack of deploy/local, pinned, contained, on the loopback interface."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deploy.docker.directory import PORTS
from deploy.local.keycloak import ADMIN_CLIENT, VERSION
from syncd.settings import load

if TYPE_CHECKING:
    from deploy.local.stack import Stack

DOCKER = Path(__file__).resolve().parents[3] / "deploy" / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
OURS = sorted(set(SERVICES) - {"keycloak"})


def test_the_stack_has_the_servers_of_the_local_one_and_syncd() -> None:
    assert set(SERVICES) == {"keycloak", "directory", "mail", "bootstrap", "syncd", "daemon"}


def test_keycloak_is_the_version_that_the_local_stack_runs() -> None:
    assert SERVICES["keycloak"]["image"] == f"keycloak/keycloak:{VERSION}"
    assert SERVICES["keycloak"]["environment"]["KC_BOOTSTRAP_ADMIN_CLIENT_ID"] == ADMIN_CLIENT


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_image_is_pinned_by_its_tag(name: str) -> None:
    assert re.fullmatch(r"[a-z/-]+:\d[\w.]*", SERVICES[name]["image"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_ports_are_published_on_the_loopback_interface_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", OURS)
def test_our_containers_run_without_root_on_a_read_only_root(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["user"], service["cap_drop"]) == (True, "10001:10001", ["ALL"])
    assert service["build"]["target"] in re.findall(r"^FROM .* AS (\S+)$", DOCKERFILE, re.MULTILINE)


def test_the_images_run_as_the_same_account_and_their_data_folders_belong_to_it() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"] * 2
    for folder in re.findall(r"^VOLUME (.+)$", DOCKERFILE, re.MULTILINE):
        assert f"install -d -o 10001 -g 10001 -m 700 {folder}" in DOCKERFILE


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_volumes_and_secrets_that_a_service_mounts_are_declared(name: str) -> None:
    mounted = {volume.partition(":")[0] for volume in SERVICES[name].get("volumes", [])}
    assert {volume for volume in mounted if not volume.startswith("..")} <= set(COMPOSE["volumes"])
    assert set(SERVICES[name].get("secrets", [])) <= set(COMPOSE["secrets"])


def test_the_directory_is_published_on_the_ports_it_listens_on() -> None:
    assert SERVICES["directory"]["ports"] == [f"127.0.0.1:{port}:{port}" for port in PORTS.values()]


def test_bootstrap_takes_the_options_of_the_local_stack(local_stack: Stack) -> None:
    here, there = _options(local_stack.bootstrap_arguments()), _options(SERVICES["bootstrap"]["command"])
    assert set(there) == set(here)
    same = {"--realm", "--admin-client-id", "--ldap-bind-dn", "--ldap-base", "--ldap-people-base"}
    assert {name: there[name] for name in same} == {name: here[name] for name in same}
    assert there["--ldap-url"] == f"ldap://127.0.0.1:{PORTS['ldap']}"
    assert SERVICES["bootstrap"]["network_mode"] == "service:directory"


def test_the_daemon_has_the_store_and_the_servers_of_the_commands_and_is_given_time_to_end(
    local_stack: Stack,
) -> None:
    daemon, commands = dict(SERVICES["daemon"]), SERVICES["syncd"]
    assert (daemon.pop("command"), daemon.pop("stop_grace_period")) == (
        ["daemon"],
        f"{local_stack.daemon.seconds_to_stop}s",
    )
    assert daemon == commands


@pytest.mark.parametrize("name", ["bootstrap", "syncd", "daemon"])
def test_syncd_mails_and_looks_as_in_the_local_stack(name: str, local_stack: Stack) -> None:
    local_stack.settings.write_text("environment: production\nmappings:\n  demo: mappings/demo\n")
    there = load(local_stack.settings, environ=SERVICES[name]["environment"])
    local_stack.complete_settings([])
    here = load(local_stack.settings, environ={})
    assert (there.notify, there.events) == (here.notify, here.events)
    assert here.smtp is not None
    bootstrap = _options(SERVICES["bootstrap"]["command"])
    reached = {"host": bootstrap["--smtp-host"], "port": int(bootstrap["--smtp-port"])}
    assert there.smtp == here.smtp.model_copy(update=reached)


def test_the_first_lines_say_how_each_of_our_services_is_started() -> None:
    head = (DOCKER / "compose.yaml").read_text().partition("\nname:")[0]
    orders = re.findall(r"^#   docker compose (?:up|run)\b(.*?)(?:  |$)", head, re.MULTILINE)
    assert set(SERVICES) <= {word for order in orders for word in order.split()}


def _options(command: list[str]) -> dict[str, str]:
    words = [
        part for word in command[2:] for part in (word.split("=", 1) if word.startswith("--") else [word])
    ]
    return dict(zip(words[::2], words[1::2], strict=True))


def test_what_the_dockerfile_copies_is_in_the_build_context_and_exists() -> None:
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    for words in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        *sources, _target = words.split()
        assert set(sources) <= allowed
        assert all((DOCKER.parents[1] / source).exists() for source in sources)
