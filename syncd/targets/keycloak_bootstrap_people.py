"""What invited people meet in a realm: the wording of their mail and the length of their password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.errors import TargetError
from syncd.targets.keycloak_federation import FEDERATION
from syncd.targets.keycloak_mail_texts import TEXTS
from syncd.targets.keycloak_password_policy import merged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.targets.keycloak_bootstrap import Bootstrap
    from syncd.targets.keycloak_connection import KeycloakConnection

KEYCLOAKS_OWN = frozenset({"", "base", "keycloak"})
VALIDATES = "validatePasswordPolicy"


class BootstrapMails:
    """The wording of mails: by a theme where the server has it, else by texts of the realm."""

    def __init__(self, work: Bootstrap, admin: KeycloakConnection) -> None:
        self._work = work
        self._admin = admin

    def theme(self, name: str) -> None:
        """Take a mail theme; where the server surely has none of this name, say so and leave the realm be."""
        if not name or self._current() == name:
            return
        known = self._known()
        if known is not None and name not in known:
            self._work.notes.append(
                f'the server has no e-mail theme "{name}": put it into its themes folder and restart it'
            )
            return
        self._work.write("PUT", body={"emailTheme": name}, step=f'e-mail theme "{name}" taken')

    def texts(self, languages: Iterable[str]) -> None:
        """Give a realm with Keycloak's own mails the texts it lacks; a theme's are never overridden."""
        if self._current() not in KEYCLOAKS_OWN:
            return
        for language in languages:
            present = self._admin.get("localization", language)
            texts = {key: text for key, text in TEXTS.get(language, {}).items() if key not in present}
            if texts:
                step = f"mail texts ({language}): {', '.join(sorted(texts))}"
                self._work.write("POST", "localization", language, body=texts, step=step)

    def _current(self) -> str:
        return str(self._admin.get().get("emailTheme") or "")

    def _known(self) -> frozenset[str] | None:
        """The server's mail themes, None where only an administrator of master may know."""
        reply = self._admin.call_server("GET", "serverinfo")
        if not reply.ok or "email" not in (reply.body.get("themes") or {}):
            return None
        return frozenset(theme["name"] for theme in reply.body["themes"]["email"])


class BootstrapPasswords:
    """The length of passwords, refused by Keycloak itself and before it writes to a directory behind it."""

    def __init__(self, work: Bootstrap, admin: KeycloakConnection) -> None:
        self._work = work
        self._admin = admin

    def length(self, shortest: int, longest: int | None) -> None:
        """Bounds for new passwords; what the realm demands already is never loosened.

        Raises `TargetError` where both together allow no password.
        """
        present = str(self._admin.get().get("passwordPolicy") or "")
        try:
            wanted = merged(present, shortest, longest)
        except ValueError as error:
            raise TargetError(
                self._admin.name,
                f"the realm and the mapping together ask for {error}",
                "correct Authentication, Policies of the realm, or `invitee.password` of the mapping",
            ) from error
        if wanted != present:
            self._work.write("PUT", body={"passwordPolicy": wanted}, step=f"password policy: {wanted}")
        for directory in self._admin.get("components", type=FEDERATION):
            if directory["providerId"] == "ldap":
                self._validate(directory)

    def _validate(self, directory: dict[str, Any]) -> None:
        config = directory.get("config") or {}
        if config.get(VALIDATES) == ["true"]:
            return
        body = {**directory, "config": {**config, VALIDATES: ["true"]}}
        step = f'user federation "{directory["name"]}": the realm\'s password policy holds there too'
        self._work.write("PUT", "components", directory["id"], body=body, step=step)
