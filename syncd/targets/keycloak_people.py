"""Accounts: made without credential or mail, changed in whole representations, never half.

A body that has `attributes` erases address and names that are not beside it, and an attribute that the
realm's user profile does not declare is dropped in silence; so an account is read before it is
changed, and its attributes are checked against the profile before anything is sent.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from syncd.model import Attrs, Change, Op
from syncd.targets.keycloak_profile import PROFILE_REMEDY, Profile
from syncd.targets.keycloak_refusal import ChangeRefused, done, impossible
from syncd.targets.keycloak_shape import ATTRIBUTE, differing, written_person

if TYPE_CHECKING:
    from syncd.targets.keycloak_connection import KeycloakConnection


class PeopleWriter:
    """Writes accounts of one realm; the user profile is read once, and only for attributes."""

    def __init__(self, connection: KeycloakConnection) -> None:
        self._connection = connection
        self._profile = Profile(connection)

    def write(self, change: Change, native: str) -> tuple[str, str]:
        """The id of the account and what is worth saying; raises `ChangeRefused` or a `TargetError`."""
        match change.op:
            case Op.CREATE:
                return self._create(change)
            case Op.UPDATE | Op.ADOPT:
                return self._update(change, native)
            case Op.DELETE:
                reply = self._connection.call("DELETE", "users", native)
                done(change, reply, "give the service account manage-users", gone=True)
                return native, ""
            case _:
                raise impossible(change)

    def _create(self, change: Change) -> tuple[str, str]:
        self._check_attributes(change, change.attrs)
        note = self._note_of_language(change.attrs)
        body = written_person({}, {"enabled": ("true",), **change.attrs}, ())
        reply = self._connection.call(
            "POST", "users", body=body | {"emailVerified": False, "requiredActions": []}
        )
        done(change, reply, _remedy(reply.status))
        return reply.made, note

    def _update(self, change: Change, native: str) -> tuple[str, str]:
        changed = differing(change)
        note = ""
        if set(changed) == {"enabled"} and not change.clear:
            body: dict[str, Any] = {"enabled": changed["enabled"] == ("true",)}
        else:
            self._check_attributes(change, changed)
            note = self._note_of_language(changed)
            user = self._connection.find("users", native)
            if user is None:
                raise ChangeRefused(change, "the account is gone", "plan again")
            body = written_person(user, changed, change.clear)
        reply = self._connection.call("PUT", "users", native, body=body)
        done(change, reply, _remedy(reply.status))
        return native, note

    def _check_attributes(self, change: Change, attrs: Attrs) -> None:
        """Refuse what Keycloak would accept with 201 and not store."""
        names = [name.removeprefix(ATTRIBUTE) for name in attrs if name.startswith(ATTRIBUTE)]
        undeclared = self._profile.lost(names)
        if undeclared:
            raise ChangeRefused(
                change,
                f"the user profile does not declare {', '.join(undeclared)}, so it would be lost",
                PROFILE_REMEDY,
            )

    def _note_of_language(self, attrs: Attrs) -> str:
        """What to say where a language would be dropped: a realm without internationalization has none."""
        if "locale" not in attrs or self._connection.get().get("internationalizationEnabled"):
            return ""
        return (
            "the language was not stored: turn on internationalization of the realm, or run `syncd bootstrap`"
        )


def _remedy(status: int) -> str:
    match status:
        case HTTPStatus.CONFLICT:
            return "somebody else has this username or address; plan again to find that account"
        case HTTPStatus.FORBIDDEN:
            return "give the service account manage-users"
        case HTTPStatus.NOT_FOUND:
            return "the account was deleted meanwhile; plan again"
        case _:
            return "correct it in `people` or the roster; the realm's user profile sets these rules"
