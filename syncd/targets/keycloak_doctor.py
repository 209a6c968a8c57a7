"""Whether a realm is fit for syncd: each finding is a line with its remedy.

Only reads are tried. What the account may write is taken from the roles in its own token, which the
server issued a moment ago, or from the server's list of them where the token carries none.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.errors import LoginRefused, NotTrusted, PlaceMissing, TargetError
from syncd.model import Check
from syncd.targets.keycloak_bootstrap import ORGANIZATION_ROLES, PERMISSIONS, RUNTIME_ROLES
from syncd.targets.keycloak_connection import claims_of
from syncd.targets.keycloak_mail_facts import MAIL_ATTRIBUTES
from syncd.targets.keycloak_profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.targets.keycloak_connection import KeycloakConnection

SKEW_WARNS, SKEW_FAILS = 5.0, 30.0  # seconds
OLDEST_TRIED = (26, 7)
ANY_ROLE = frozenset({"realm-admin"})
BOOTSTRAP = "run `syncd bootstrap`"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Needs:
    """What the mappings of one realm ask of it; everything is off unless some mapping asks."""

    scoped: bool = False
    mails: bool = False
    self_reset: bool = False
    organizations: bool = False
    languages: frozenset[str] = frozenset()

    @property
    def roles(self) -> frozenset[str]:
        """The realm-management roles that the running account needs."""
        return RUNTIME_ROLES | (ORGANIZATION_ROLES if self.organizations else frozenset())


def check(connection: KeycloakConnection, needs: Needs) -> list[Check]:
    """Every check in order; where there is no login, what could be told without one."""
    doctor = _Doctor(connection, needs)
    try:
        connection.login()
    except TargetError as error:
        return [_not_reached(error)]
    checks = [
        Check(
            "login", "ok", f"{connection.url} realm {connection.login_realm}, client {connection.client_id}"
        )
    ]
    for examine in doctor.examinations():
        try:
            checks += examine()
        except TargetError as error:
            name = examine.__name__.strip("_")
            checks.append(Check(name, "fail", error.message, error.remedy))
    return checks


def _not_reached(error: TargetError) -> Check:
    match error:
        case NotTrusted():
            name = "certificate"
        case LoginRefused():
            name = "login"
        case PlaceMissing():
            name = "realm"
        case _:
            name = "connection"
    return Check(name, "fail", error.message, error.remedy)


class _Doctor:
    def __init__(self, connection: KeycloakConnection, needs: Needs) -> None:
        self._connection = connection
        self._needs = needs

    def examinations(self) -> Sequence[Callable[[], list[Check]]]:
        return (
            self._encryption,
            self._clock,
            self._version,
            self._realm,
            self._permissions,
            self._profile,
            self._mail,
            self._events,
        )

    def _encryption(self) -> list[Check]:
        url = self._connection.url
        if url.startswith("https://"):
            return [Check("encryption", "ok", "TLS, certificate verified")]
        host = url.removeprefix("http://").split("/")[0].rpartition(":")[0]
        if host in ("127.0.0.1", "localhost", "[::1]"):
            return [Check("encryption", "ok", "none, on the loopback interface")]
        return [
            Check(
                "encryption",
                "fail",
                f"{url} is not encrypted",
                "use https, with `ca` for a private authority",
            )
        ]

    def _clock(self) -> list[Check]:
        """The server's clock by the second in which it issued a token; Keycloak sends no header Date."""
        before = time.time()
        issued = float(claims_of(self._connection.login(fresh=True))["iat"])
        skew = max(before - 1 - issued, issued - time.time(), 0.0)
        status = "fail" if skew > SKEW_FAILS else "warn" if skew > SKEW_WARNS else "ok"
        remedy = "" if status == "ok" else "let both machines follow NTP: tokens and events carry times"
        return [Check("clock", status, f"{skew:.0f} s apart", remedy)]

    def _version(self) -> list[Check]:
        """The server shows its version to administrators of master only; else the roles it knows tell."""
        reply = self._connection.call_server("GET", "serverinfo")
        text = ((reply.body or {}).get("systemInfo") or {}).get("version", "") if reply.ok else ""
        number = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
        if not number:
            knows = {role["name"] for role in self._management_roles()} >= ORGANIZATION_ROLES
            number, text = ((26, 7), "26.7 or newer") if knows else ((26, 6), "older than 26.7")
        if number >= OLDEST_TRIED:
            return [Check("version", "ok", f"Keycloak {text}")]
        remedy = "upgrade to 26.7 or newer; what syncd relies on was measured there"
        return [Check("version", "warn", f"Keycloak {text}", remedy)]

    def _realm(self) -> list[Check]:
        realm = self._connection.get()
        checks = [Check("realm", "ok", f"{realm['realm']}, enabled")]
        if not realm.get("enabled", True):
            checks = [Check("realm", "fail", f"{realm['realm']} is disabled", "enable it in Realm settings")]
        if self._needs.languages:
            spoken = (
                set(realm.get("supportedLocales", ())) if realm.get("internationalizationEnabled") else set()
            )
            missing = sorted(self._needs.languages - spoken)
            checks.append(
                Check("languages", "warn", f"the realm does not speak {', '.join(missing)}", BOOTSTRAP)
                if missing
                else Check("languages", "ok", ", ".join(sorted(spoken)))
            )
        return checks

    def _permissions(self) -> list[Check]:
        held = self._held_roles()
        checks = []
        for role in sorted(self._needs.roles):
            if role in held or held & ANY_ROLE:
                checks.append(Check(f"role {role}", "ok", "held"))
            else:
                remedy = f"give it to the service account (realm-management), or {BOOTSTRAP}"
                checks.append(Check(f"role {role}", "fail", "missing", remedy))
        surplus = sorted(
            held - self._needs.roles - {"query-users", "query-groups", "query-clients", "query-realms"}
        )
        surplus = [role for role in surplus if not role.startswith(("view-", "query-"))]
        if surplus:
            checks.append(
                Check(
                    "surplus roles",
                    "warn",
                    ", ".join(surplus),
                    f"take them away: syncd needs none; {BOOTSTRAP} does so",
                )
            )
        return checks + self._reads()

    def _reads(self) -> list[Check]:
        """Each kind of read once: a fine-grained policy may forbid what a role would allow."""
        tried: list[tuple[str, ...]] = [("users",), ("groups",), ("roles",), ("clients",), ("admin-events",)]
        if self._needs.organizations:
            tried.append(("organizations",))
        checks = []
        for place in tried:
            try:
                self._connection.get(*place, first=0, max=1)
            except TargetError as error:
                checks.append(Check(f"read {place[0]}", "fail", error.message, error.remedy))
            else:
                checks.append(Check(f"read {place[0]}", "ok", "allowed"))
        return checks

    def _profile(self) -> list[Check]:
        """Nobody but administrators may write `syncd.*` on an account: the claim would carry it."""
        profile = self._connection.get("users", "profile")
        declared = {attribute["name"]: attribute for attribute in profile.get("attributes", ())}
        writable = [
            name
            for name, attribute in declared.items()
            if name.startswith("syncd.")
            and set((attribute.get("permissions") or {}).get("edit", ())) - {"admin"}
        ]
        if writable:
            remedy = f"let only administrators edit them in the user profile, or {BOOTSTRAP}"
            return [
                Check("user profile", "fail", f"people may write {', '.join(writable)} themselves", remedy)
            ]
        if PERMISSIONS in declared:
            return [Check("user profile", "ok", f"{PERMISSIONS} is declared, administrators only")]
        if profile.get("unmanagedAttributePolicy") == "ENABLED":
            detail = f"people may write {PERMISSIONS} themselves: undeclared attributes are open"
            return [
                Check(
                    "user profile",
                    "fail" if self._needs.scoped else "warn",
                    detail,
                    f"declare it: {BOOTSTRAP}",
                )
            ]
        status = "warn" if self._needs.scoped else "ok"
        return [
            Check(
                "user profile",
                status,
                f"{PERMISSIONS} is not declared",
                BOOTSTRAP if status == "warn" else "",
            )
        ]

    def _mail(self) -> list[Check]:
        smtp = self._connection.get().get("smtpServer") or {}
        if smtp.get("host") and smtp.get("from"):
            sender = Check("mail", "ok", f"{smtp['host']}:{smtp.get('port', 25)} from {smtp['from']}")
            return [sender, *self._mail_facts(), *self._forgotten_password()]
        if not self._needs.mails:
            return [Check("mail", "ok", "the realm sends none, and no mapping invites")]
        remedy = "set host and from in Realm settings, Email, and send a test mail"
        return [Check("mail", "fail", "the realm has no mail server, so no invitation goes out", remedy)]

    def _mail_facts(self) -> list[Check]:
        """Whether accounts may carry what an invitation says: who invites, to what."""
        lost = Profile(self._connection).lost(MAIL_ATTRIBUTES) if self._needs.mails else []
        if not lost:
            return []
        detail = f"invitations cannot be worded: the user profile does not declare {', '.join(lost)}"
        return [Check("mail wording", "fail", detail, BOOTSTRAP)]

    def _forgotten_password(self) -> list[Check]:
        """The way in for accounts that administrators make where `activation` is `self_reset`."""
        if not self._needs.self_reset:
            return []
        if self._connection.get().get("resetPasswordAllowed"):
            return [Check("forgotten password", "ok", "people may ask for a new password")]
        detail = "people whose account a mapping with `activation: self_reset` makes cannot enter it"
        remedy = f"turn on “Forgot password” in Realm settings, Login, or {BOOTSTRAP}"
        return [Check("forgotten password", "fail", detail, remedy)]

    def _events(self) -> list[Check]:
        config = self._connection.get("events", "config")
        if not config.get("adminEventsEnabled"):
            remedy = f"turn on “Save admin events”, or {BOOTSTRAP}"
            return [
                Check("events", "warn", "admin events are not kept, so changes by others show late", remedy)
            ]
        if config.get("adminEventsDetailsEnabled"):
            remedy = "turn off “Include representation”: it stores personal data that syncd does not need"
            return [Check("events", "warn", "admin events keep whole representations", remedy)]
        return [Check("events", "ok", "admin events are kept, without details")]

    def _held_roles(self) -> frozenset[str]:
        claims = claims_of(self._connection.login())
        manager = self._manager
        roles = ((claims.get("resource_access") or {}).get(manager) or {}).get("roles")
        if roles is None:
            client = self._connection.get("clients", clientId=manager)[0]["id"]
            mapped = self._connection.get(
                "users", claims["sub"], "role-mappings", "clients", client, "composite"
            )
            roles = [role["name"] for role in mapped]
        return frozenset(roles)

    def _management_roles(self) -> list[Json]:
        clients = self._connection.get("clients", clientId=self._manager)
        return self._connection.paged("clients", clients[0]["id"], "roles") if clients else []

    @property
    def _manager(self) -> str:
        """The client whose roles administer this realm: one in the realm, or its stand-in in master."""
        if self._connection.login_realm == self._connection.realm != "master":
            return "realm-management"
        return f"{self._connection.realm}-realm"
