"""What a realm administrator sets up once, so that the running account needs few rights.

The running account reads and manages people and groups and reads roles, clients and events. Making a
realm, clients, roles, scopes and profile attributes is done here, with the administrator's connection.
Every step looks first: a second run finds nothing to do and says so by naming no step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.errors import PlaceMissing
from syncd.targets.keycloak_bootstrap_people import BootstrapMails, BootstrapPasswords
from syncd.targets.keycloak_failures import answer_failure
from syncd.targets.keycloak_mail_facts import MAIL_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.targets.keycloak_connection import KeycloakConnection, Reply

RUNTIME_ROLES = frozenset({"manage-users", "view-realm", "view-clients", "view-events"})
ORGANIZATION_ROLES = frozenset({"manage-organizations"})
AUDIENCE_SCOPE = "kc-admin-api"  # Keycloak 26.8.2 and newer check the audience of admin tokens
PERMISSIONS = "syncd.permissions"
ADMINS_ONLY = {"view": ["admin"], "edit": ["admin"]}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """What was done, in sentences, the secret of the running account's client, and what was left undone."""

    steps: tuple[str, ...]
    secret: str
    notes: tuple[str, ...] = ()


def bootstrap_realm(  # noqa: PLR0913 - each is an option of the command, all by name
    admin: KeycloakConnection,
    *,
    client_id: str = "syncd",
    languages: tuple[str, ...] = ("en", "fr"),
    smtp: Mapping[str, str] | None = None,
    organizations: bool = False,
    email_theme: str = "",
    password: tuple[int, int | None] | None = None,
    self_reset: bool = False,
) -> Bootstrapped:
    """Make the realm of `admin` ready for syncd: realm, languages, events, mail, profile, client, roles.

    `smtp` is Keycloak's `smtpServer` (host, port, from, …), left alone where None. `email_theme` is taken
    where the server has it; a realm that is left with Keycloak's own mails gets texts for them.
    `password` is the least and most characters of one; `self_reset` lets people ask for a new one, where
    that is how invited people enter. An existing realm keeps what it has beyond that.
    Raises `PermissionMissing` where `admin` may not do it.
    """
    work = Bootstrap(admin)
    work.realm(languages, dict(smtp) if smtp else None, organizations=organizations, self_reset=self_reset)
    work.declare({PERMISSIONS: ADMINS_ONLY})
    work.declare(dict.fromkeys(MAIL_ATTRIBUTES, ADMINS_ONLY), multivalued=False)
    mails = BootstrapMails(work, admin)
    mails.theme(email_theme)
    mails.texts(languages)
    if password is not None:
        BootstrapPasswords(work, admin).length(*password)
    client = work.service_client(client_id)
    work.service_roles(client, RUNTIME_ROLES | (ORGANIZATION_ROLES if organizations else frozenset()))
    work.audience(client)
    secret = str(admin.get("clients", client["id"], "client-secret")["value"])
    return Bootstrapped(tuple(work.steps), secret, tuple(work.notes))


def secret_of(admin: KeycloakConnection, *, client_id: str = "syncd") -> str | None:
    """The secret of the running account's client, None where there is none yet; only reads."""
    try:
        client = Bootstrap(admin).client(client_id)
    except PlaceMissing:
        return None
    return None if client is None else admin.get("clients", client["id"], "client-secret").get("value")


def unbootstrap_realm(admin: KeycloakConnection, *, client_id: str = "syncd") -> tuple[str, ...]:
    """Take the running account's client away again; settings, groups, people and profile stay."""
    work = Bootstrap(admin)
    client = work.client(client_id)
    if client is not None:
        work.write("DELETE", "clients", client["id"], step=f'client "{client_id}" and its account removed')
    return tuple(work.steps)


class Bootstrap:
    """Looks, writes where something is missing, and keeps the sentence that says so."""

    def __init__(self, admin: KeycloakConnection) -> None:
        self._admin = admin
        self.steps: list[str] = []
        self.notes: list[str] = []

    def write(self, method: str, *place: str, step: str, body: Any = None) -> Reply:
        """One write; raises what its refusal means, keeps `step` where it was done."""
        reply = self._admin.call(method, *place, body=body)
        if not reply.ok:
            raise answer_failure(self._admin.name, method, place, reply.status, reply.body)
        self.steps.append(step)
        return reply

    def realm(
        self, languages: tuple[str, ...], smtp: Json | None, *, organizations: bool, self_reset: bool
    ) -> None:
        """The realm itself, and the settings that syncd relies on; details of admin events stay off.

        Their representations hold personal data, and nothing here needs them.
        """
        name = self._admin.realm
        try:
            present = self._admin.get()
        except PlaceMissing:
            reply = self._admin.call_server(
                "POST",
                "realms",
                body={
                    "realm": name,
                    "enabled": True,
                    "sslRequired": "external",
                    "adminEventsDetailsEnabled": False,
                },
            )
            if not reply.ok:
                raise answer_failure(self._admin.name, "POST", (), reply.status, reply.body) from None
            self.steps.append(f'realm "{name}" made')
            present = self._admin.get()
        wanted = _settings(present, languages, smtp)
        wanted |= _turned_on(present, organizationsEnabled=organizations, resetPasswordAllowed=self_reset)
        if wanted:
            self.write("PUT", body=wanted, step=f"realm settings: {', '.join(sorted(wanted))}")

    def declare(self, attributes: Mapping[str, Mapping[str, list[str]]], *, multivalued: bool = True) -> None:
        """Declare attributes of accounts in the user profile, with who may view and edit them."""
        profile = self._admin.get("users", "profile")
        declared = {attribute["name"]: attribute for attribute in profile["attributes"]}
        changed = []
        for name, permissions in attributes.items():
            attribute = declared.get(name)
            if attribute is None:
                profile["attributes"].append(
                    {"name": name, "multivalued": multivalued, "permissions": dict(permissions)}
                )
                changed.append(name)
            elif _opened(attribute, permissions):
                attribute["permissions"] = dict(permissions)
                changed.append(name)
        if changed:
            self.write(
                "PUT", "users", "profile", body=profile, step=f"user profile: {', '.join(changed)} declared"
            )

    def client(self, client_id: str) -> Json | None:
        """The representation of a client, or None."""
        found: list[Json] = self._admin.get("clients", clientId=client_id)
        return found[0] if found else None

    def service_client(self, client_id: str) -> Json:
        """The confidential client whose service account syncd runs as; it opens no login page."""
        wanted = {
            "enabled": True,
            "publicClient": False,
            "clientAuthenticatorType": "client-secret",
            "serviceAccountsEnabled": True,
            "standardFlowEnabled": False,
            "directAccessGrantsEnabled": False,
            "fullScopeAllowed": True,
        }
        return self.ensure_client(client_id, wanted)

    def ensure_client(self, client_id: str, wanted: Json) -> Json:
        """A client with at least these settings."""
        client = self.client(client_id)
        if client is None:
            self.write(
                "POST", "clients", body={"clientId": client_id, **wanted}, step=f'client "{client_id}" made'
            )
        elif any(client.get(name) != value for name, value in wanted.items()):
            self.write(
                "PUT", "clients", client["id"], body=client | wanted, step=f'client "{client_id}" set right'
            )
        made = self.client(client_id)
        if made is None:
            raise PlaceMissing(
                self._admin.name, f'client "{client_id}" vanished while it was made', "try again"
            )
        return made

    def service_roles(self, client: Json, wanted: frozenset[str]) -> None:
        """Exactly these roles over the realm: what is missing is given, what is more is taken away."""
        manager = self.client("master-realm" if self._admin.realm == "master" else "realm-management")
        if manager is None:
            raise PlaceMissing(
                self._admin.name, "the realm has no client realm-management", "is it a Keycloak realm?"
            )
        account = self._admin.get("clients", client["id"], "service-account-user")["id"]
        mappings = ("users", account, "role-mappings", "clients", manager["id"])
        held = {role["name"]: role for role in self._admin.get(*mappings)}
        roles = {role["name"]: role for role in self._admin.paged("clients", manager["id"], "roles")}
        missing = sorted(wanted - held.keys())
        surplus = sorted(held.keys() - wanted)
        if missing:
            body = [roles[name] for name in missing]
            self.write("POST", *mappings, body=body, step=f"service account: {', '.join(missing)} given")
        if surplus:
            body = [held[name] for name in surplus]
            self.write(
                "DELETE", *mappings, body=body, step=f"service account: {', '.join(surplus)} taken away"
            )

    def audience(self, client: Json) -> None:
        """The scope by which newer servers know an admin token, where the server has it."""
        scope = self.scope(AUDIENCE_SCOPE)
        if scope is not None:
            self.assign(client, scope)

    def scope(self, name: str) -> Json | None:
        """The client scope of this name, or None."""
        scopes: list[Json] = self._admin.get("client-scopes")
        return next((scope for scope in scopes if scope["name"] == name), None)

    def drop_scope(self, client: Json, name: str) -> None:
        """Take a scope out of the client's default scopes."""
        where = ("clients", client["id"], "default-client-scopes")
        for held in self._admin.get(*where):
            if held["name"] == name:
                step = f'client scope "{name}" taken from client "{client["clientId"]}"'
                self.write("DELETE", *where, held["id"], step=step)

    def assign(self, client: Json, scope: Json) -> None:
        """Make a scope one of the client's default scopes."""
        where = ("clients", client["id"], "default-client-scopes")
        if all(held["id"] != scope["id"] for held in self._admin.get(*where)):
            step = f'client scope "{scope["name"]}" given to client "{client["clientId"]}"'
            self.write("PUT", *where, scope["id"], step=step)


def _turned_on(present: Json, **wanted: bool) -> Json:
    """The switches that mappings need on and are off; none is turned off."""
    return {name: True for name, is_wanted in wanted.items() if is_wanted and not present.get(name)}


def _settings(present: Json, languages: tuple[str, ...], smtp: Json | None) -> Json:
    """The realm settings that differ from what syncd needs."""
    locales = sorted({*present.get("supportedLocales", ()), *languages})
    wanted: Json = {
        "internationalizationEnabled": True,
        "supportedLocales": locales,
        "adminEventsEnabled": True,
    }
    if not present.get("defaultLocale"):
        wanted["defaultLocale"] = languages[0]
    if smtp is not None and any(
        present.get("smtpServer", {}).get(name) != value for name, value in smtp.items()
    ):
        wanted["smtpServer"] = smtp
    return {
        name: value
        for name, value in wanted.items()
        if (sorted(present.get(name, ())) if name == "supportedLocales" else present.get(name)) != value
    }


def _opened(attribute: Json, permissions: Mapping[str, list[str]]) -> bool:
    """Whether somebody may view or edit a declared attribute who should not."""
    held = attribute.get("permissions") or {}
    return any(set(held.get(act, ())) - set(who) for act, who in permissions.items())
