"""Setting up: `bootstrap` by a one-off administrator.

It writes what is missing and keeps what is there: syncd.yaml, the integrity key, the realm,
the account with the least rights, the store, and what each mapping needs that the running account may
not make (roles, composites, the claim of scoped permissions).
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from syncd import settings as settings_module
from syncd.app import connections, files
from syncd.errors import SyncdError, UsageError
from syncd.mapping import outputs
from syncd.mapping.suggestions import meant_or_listed
from syncd.model import Kind, Result
from syncd.reconcile import LEASE
from syncd.settings import Keycloak, SettingsInvalid
from syncd.store import open_store
from syncd.targets.keycloak_bootstrap import bootstrap_realm, secret_of, unbootstrap_realm
from syncd.targets.keycloak_bootstrap_mapping import bootstrap_mapping, unbootstrap_mapping
from syncd.targets.keycloak_connection import KeycloakConnection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syncd.app_types import BootstrapRequest
    from syncd.mapping.compiled import Compiled
    from syncd.mapping.schema import MappingDocument
    from syncd.model import Change, Desired, Key, Outcome, Owned
    from syncd.settings import Settings
    from syncd.store import Store
    from syncd.targets.keycloak_bootstrap_mapping import Book, Write

CLIENT = "syncd"
KEY_BYTES = 32


def integrity_key(settings: Settings) -> bytes:
    """The key that signs what grants something; raises `UsageError` where there is none."""
    if settings.integrity_key is None:
        raise UsageError(
            f"{settings.file}: integrity_key is missing",
            "write `integrity_key: {file: syncd.key}`, and 32 random bytes in base64 into that file",
        )
    text = settings.secret(settings.integrity_key).get_secret_value()
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = text.encode()
    if len(key) < KEY_BYTES:
        raise UsageError(f"{settings.file}: integrity_key has {len(key)} bytes, {KEY_BYTES} are needed")
    return key


def bootstrap(config: Path, request: BootstrapRequest) -> list[str]:
    """Make what is missing, or with `remove` take away what was made; what was done, in sentences."""
    if request.mapping_path and (request.remove or not request.mapping):
        raise UsageError(
            "--mapping-path says where a mapping is that bootstrap writes into a new syncd.yaml",
            "name the mapping, and leave out --remove",
        )
    if request.remove:
        return _remove(config, request)
    steps: list[str] = []
    if not config.exists():
        steps += _write_settings(config, request)
    settings = settings_module.load(config)
    mappings = _mappings(settings, request)
    steps += _make_missing_key(settings)
    key = integrity_key(settings)
    servers = {name: one for name, one in settings.connections.items() if isinstance(one, Keycloak)}
    for name, one in servers.items():
        _refuse_to_lose_secret(one, _admin(request, one, name))
    for name, one in servers.items():
        made = bootstrap_realm(
            _admin(request, one, name),
            client_id=one.client_id,
            smtp=_smtp(settings, request, one.realm),
            organizations=_wants_organizations(settings, request),
            email_theme=request.email_theme,
            password=_password_length(settings, name, one.realm),
            self_reset=_enters_by_reset(settings, name, one.realm),
        )
        steps += [*made.steps, *made.notes]
        steps += _keep_secret(one, made.secret)
    with open_store(settings.store_url().get_secret_value(), key) as store:
        steps += [f"store: revision {revision}" for revision in store.upgrade()]
    for mapping in mappings:
        steps += _bootstrap_mapping(settings, request, mapping)
    return steps


def _mappings(settings: Settings, request: BootstrapRequest) -> list[str]:
    """The mapping that is asked for, or all; raises `UsageError` where there is none of that name."""
    if request.mapping is None:
        return list(settings.mappings)
    if request.mapping not in settings.mappings:
        hint = meant_or_listed(request.mapping, settings.mappings)
        raise UsageError(f'there is no mapping "{request.mapping}" in {settings.file}', hint)
    path = settings.mappings[request.mapping].from_.resolve()
    if request.mapping_path and Path(request.mapping_path).resolve() != path:
        raise UsageError(
            f"{settings.file} is there already and has {request.mapping} at {path}",
            "leave --mapping-path out, or change `from` of the mapping in that file",
        )
    return [request.mapping]


def _make_missing_key(settings: Settings) -> list[str]:
    """The key that syncd.yaml names and nobody made; never for a store that was sealed with another."""
    file = settings.integrity_key.file if settings.integrity_key else None
    if file is None or file.exists():
        return []
    write_integrity_key(file)
    try:
        with open_store(settings.store_url().get_secret_value(), integrity_key(settings)) as store:
            steps = [f"store: revision {revision}" for revision in store.upgrade()]
            store.ready()
    except SyncdError:
        file.unlink()
        raise
    return [f"integrity key written to {file}", *steps]


def _wants_organizations(settings: Settings, request: BootstrapRequest) -> bool:
    """Whether a mapping shows its root units as Keycloak Organizations."""
    names = _mappings(settings, request)
    outputs_ = [files.load_mapping(settings, name).document.keycloak for name in names]
    return any(bool(output.organization) for output in outputs_ if output)


def _password_length(settings: Settings, name: str, realm: str) -> tuple[int, int | None] | None:
    """How long passwords of invitees are in a realm; raises `UsageError` where its mappings differ."""
    asked: dict[tuple[int, int | None], str] = {}
    for mapping, document in _documents_of(settings, name, realm):
        length = document.invitations.invitee.password
        if length is not None:
            asked.setdefault((length.min, length.max), mapping)
    if len(asked) > 1:
        said = "; ".join(
            f"{mapping}: min {least}, max {most or 'none'}" for (least, most), mapping in asked.items()
        )
        raise UsageError(
            f'mappings of the realm "{realm}" ask for passwords of different lengths ({said})',
            "a realm has one password policy: say the same in `invitations.invitee.password` of each",
        )
    return next(iter(asked), None)


def _enters_by_reset(settings: Settings, name: str, realm: str) -> bool:
    """Whether a mapping of the realm lets people enter by a forgotten password, which is off by default."""
    return any(
        document.invitations.activation == "self_reset"
        for _, document in _documents_of(settings, name, realm)
    )


def _documents_of(settings: Settings, name: str, realm: str) -> Iterator[tuple[str, MappingDocument]]:
    """The mappings that show their people in this realm of the connection."""
    for mapping in settings.mappings:
        document = files.load_mapping(settings, mapping).document
        at = document.keycloak.realm if document.keycloak else ""
        if connections.keycloak_of(settings, document) == name and at in (None, "", realm):
            yield mapping, document


def _bootstrap_mapping(settings: Settings, request: BootstrapRequest, mapping: str) -> Iterable[str]:
    compiled = _compiled(settings, mapping)
    name = connections.connection_of(settings, compiled, "keycloak") if compiled.keycloak else ""
    if compiled.keycloak is None or not name:
        return ()
    one = connections.keycloak_settings(settings, name)
    realm = compiled.keycloak.realm or one.realm
    desired = outputs.render(compiled, "keycloak", settings.environment, None)
    attributes = {name for entry in compiled.people.values() for name in entry.attributes}
    elsewhere = [] if realm == one.realm else [_elsewhere(mapping, realm, name, one)]
    with open_store(settings.store_url().get_secret_value(), integrity_key(settings)) as store:
        made = bootstrap_mapping(
            _admin(request, one, name, realm),
            client_id=compiled.keycloak.client or compiled.id,
            facts=desired.state,
            origins=desired.origins,
            scoped=compiled.keycloak.permissions == "scoped",
            attributes=attributes,
            unwanted=_unwanted(store.owned(mapping, "keycloak"), desired),
            book=_booked(store, mapping),
        )
    return [*elsewhere, *made]


def _elsewhere(mapping: str, realm: str, name: str, one: Keycloak) -> str:
    """What is left to do by hand where a mapping is of another realm than its connection logs in to."""
    return (
        f'{mapping} is of the realm "{realm}", and {name} logs in to "{one.realm}": '
        f"give {one.client_id} its roles in {realm} by hand, or add a connection whose realm it is"
    )


def _unwanted(owned: Iterable[Owned], desired: Desired) -> Iterable[Key]:
    """What roles of ours contain and no file says any more, and permissions that nothing names.

    A role that left the model stays: its holders may have it from elsewhere, and it may be a renamed one.
    """
    return [
        row.key
        for row in owned
        if not row.adopted
        and row.key not in desired.state
        and (row.key.kind is Kind.COMPOSITE or row.origin.anchor[1].startswith("permission:"))
    ]


def _booked(store: Store, mapping: str) -> Book:
    """What bootstrap makes for a mapping is the mapping's, by the same steps as in any run."""

    def book(changes: Sequence[Change], write: Write) -> list[Outcome]:
        with store.lease(mapping, "bootstrap", LEASE):
            run = store.start_run(mapping, "bootstrap", "bootstrap", narrowed=True)
            store.claim(mapping, "keycloak", run, changes)
            outcomes = write()
            store.record(mapping, "keycloak", run, outcomes)
            counts = Counter(outcome.result.value for outcome in outcomes)
            code = int(counts.keys() != {Result.DONE.value})
            store.finish_run(run, code, "roles made by bootstrap", counts)
        return outcomes

    return book


def _compiled(settings: Settings, mapping: str) -> Compiled:
    one = settings.mappings[mapping]
    key = integrity_key(settings)
    with open_store(settings.store_url().get_secret_value(), key) as store:
        compiled, _ = files.compiled_mapping(
            files.load_mapping(settings, mapping),
            folder=files.folder_of(one.from_),
            directories=settings.sources,
            network=connections.network(settings),
            store=store,
            mapping=mapping,
            now=datetime.now(UTC),
        )
    return compiled


def _admin(request: BootstrapRequest, one: Keycloak, name: str, realm: str = "") -> KeycloakConnection:
    """A connection as the one-off administrator."""
    if not request.admin_client_id or not request.admin_client_secret_file:
        raise UsageError(
            "bootstrap needs a one-off administrator",
            "give --admin-client-id and --admin-client-secret-file of a service account in the realm master "
            "(Keycloak makes one at its first start: KC_BOOTSTRAP_ADMIN_CLIENT_ID), or in --admin-realm",
        )
    return KeycloakConnection(
        url=one.url,
        realm=realm or one.realm,
        client_id=request.admin_client_id,
        client_secret=Path(request.admin_client_secret_file).read_text("utf-8").strip(),
        name=name,
        login_realm=request.admin_realm,
        ca=str(one.ca or ""),
    )


def _smtp(settings: Settings, request: BootstrapRequest, realm: str) -> Mapping[str, str] | None:
    """The mail server of a realm; mails come from the address of our own notices, if there is one."""
    if not request.smtp_host:
        return None
    return {
        "host": request.smtp_host,
        "port": str(request.smtp_port or 25),
        "from": settings.smtp.from_ if settings.smtp else f"no-reply@{realm}.example",
        # Without its own limits a silent mail server holds each call for ten seconds.
        "timeout": "5000",
        "connectionTimeout": "5000",
        "writeTimeout": "5000",
    }


def _refuse_to_lose_secret(one: Keycloak, admin: KeycloakConnection) -> None:
    """Before anything is made on a server: its secret can be kept, or is kept already."""
    file = one.client_secret.file
    if file is None or _may_write(file) or _holds(file, secret_of(admin, client_id=one.client_id)):
        return
    raise UsageError(
        f"{file} cannot be written, and the secret of client {one.client_id} belongs there",
        "nothing was changed on the server: run bootstrap as an account that may write this file; "
        'with systemd\'s credentials as root, see "A first configuration" in install.md',
    )


def _may_write(file: Path) -> bool:
    """Whether a file can be written, or made together with the folders that are missing."""
    if os.access(file, os.F_OK):
        return os.access(file, os.W_OK)
    folder = next(parent for parent in file.parents if os.access(parent, os.F_OK))
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _holds(file: Path, secret: str | None) -> bool:
    return os.access(file, os.R_OK) and file.read_text("utf-8").strip() == secret


def _keep_secret(one: Keycloak, secret: str) -> list[str]:
    """Write the account's secret where syncd.yaml says it is, if it says a file."""
    file = one.client_secret.file
    if file is None:
        return [f"put the secret of client {one.client_id} into the variable {one.client_secret.env}"]
    if _holds(file, secret):
        return []
    _write_private(file, secret)
    return [f"secret of client {one.client_id} written to {file}"]


def write_integrity_key(file: Path) -> None:
    """A new random key, in a file that only its owner reads."""
    _write_private(file, base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())


def _write_private(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(text + "\n", "utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}", "look at owner and mode") from error


def _write_settings(config: Path, request: BootstrapRequest) -> list[str]:
    """A first syncd.yaml beside its secrets, with one mapping if one is named."""
    if not request.keycloak_url or not request.realm:
        raise UsageError(f"{config} does not exist", "give at least --keycloak-url and --realm to make it")
    folder = config.resolve().parent
    key = folder / "syncd.key"
    if not key.exists():
        write_integrity_key(key)
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(_first_settings(request), "utf-8")
    try:
        settings_module.load(config)
    except SettingsInvalid:  # an option was no name, address or DN: the next try writes it again
        config.unlink()
        raise
    return [f"{config} written", f"integrity key written to {key}"]


def _first_settings(request: BootstrapRequest) -> str:
    """The text of a first syncd.yaml; values are JSON, which is YAML."""
    lines = [
        "# The operator's file: where servers and mappings are, and how far each mapping may reach.",
        f"environment: {json.dumps(request.environment)}",
        "store: sqlite:syncd.db",
        "integrity_key: {file: syncd.key}",
        "connections:",
        "  sso:",
        "    type: keycloak",
        f"    url: {json.dumps(request.keycloak_url)}",
        f"    realm: {json.dumps(request.realm)}",
        f"    client_id: {CLIENT}",
        "    client_secret: {file: secrets/keycloak}",
    ]
    if request.ldap_url:
        lines += [
            "  directory:",
            "    type: ldap",
            f"    urls: [{json.dumps(request.ldap_url)}]",
            f"    bind_dn: {json.dumps(request.ldap_bind_dn)}",
            f"    password: {{file: {json.dumps(str(Path(request.ldap_password_file).resolve()))}}}",
        ]
    return "\n".join([*lines, *_first_mapping(request)]) + "\n"


def _first_mapping(request: BootstrapRequest) -> list[str]:
    if not request.mapping:
        return []
    path = Path(request.mapping_path).resolve() if request.mapping_path else f"mappings/{request.mapping}"
    values = {"ldap.base": request.ldap_base, "ldap.people_base": request.ldap_people_base}
    said = [f"      {name}: {json.dumps(value)}" for name, value in values.items() if value]
    lines = ["mappings:", f"  {request.mapping}:", f"    from: {json.dumps(str(path))}"]
    return [*lines, *(["    set:", *said] if said else [])]


def _remove(config: Path, request: BootstrapRequest) -> list[str]:
    """Take away what bootstrap made on the servers; syncd.yaml, key and store stay."""
    settings = settings_module.load(config)
    steps: list[str] = []
    for mapping in _mappings(settings, request):
        steps += _remove_mapping(settings, request, mapping)
    if request.mapping is None:
        for name, one in settings.connections.items():
            if isinstance(one, Keycloak):
                steps += unbootstrap_realm(_admin(request, one, name), client_id=one.client_id)
    return steps


def _remove_mapping(settings: Settings, request: BootstrapRequest, mapping: str) -> Iterable[str]:
    compiled = _compiled(settings, mapping)
    name = connections.connection_of(settings, compiled, "keycloak") if compiled.keycloak else ""
    if compiled.keycloak is None or not name:
        return ()
    one = connections.keycloak_settings(settings, name)
    with open_store(settings.store_url().get_secret_value(), integrity_key(settings)) as store:
        owned = [row.key for row in store.owned(mapping, "keycloak")]
    return unbootstrap_mapping(
        _admin(request, one, name, compiled.keycloak.realm or one.realm),
        client_id=compiled.keycloak.client or compiled.id,
        owned=owned,
        scoped=compiled.keycloak.permissions == "scoped",
    )
