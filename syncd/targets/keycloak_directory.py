"""Accounts of one Keycloak realm as invitations and acts need them; see `directory.Directory`.

A mail is asked for once and never again: Keycloak has no idempotency key, so after an answer that got
lost only its admin event tells whether the mail left. Everything here was measured on 26.7.5.
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from syncd.errors import IncompleteRead
from syncd.targets.directory import AccountRefused, AccountState, MailFacts, NewAccount, SendResult
from syncd.targets.keycloak_account_state import account_state, reasons_to_keep
from syncd.targets.keycloak_failures import answer_failure, explain
from syncd.targets.keycloak_mail_facts import MAIL_ATTRIBUTES, mail_attributes
from syncd.targets.keycloak_mailing import send_actions, turned_off
from syncd.targets.keycloak_profile import PROFILE_REMEDY, Profile
from syncd.targets.keycloak_shape import ATTRIBUTE, written_person

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncd.model import Attrs
    from syncd.targets.keycloak_connection import KeycloakConnection, Reply

Json = dict[str, Any]


class KeycloakDirectory:
    """One realm, over the running account's connection; threads may share it."""

    def __init__(self, connection: KeycloakConnection) -> None:
        self._connection = connection
        self._profile = Profile(connection)

    def find(self, address: str) -> str | None:
        """The id of the account with this address, which Keycloak compares without case.

        Raises `AccountRefused` where the realm lets several accounts share it.
        """
        found = self._connection.get("users", email=address, exact=True, briefRepresentation=True)
        same = [user for user in found if _ascii_lower(user.get("email", "")) == _ascii_lower(address)]
        if len(same) > 1:
            names = ", ".join(sorted(user["username"] for user in same))
            raise self._refusal(f"{address} is the address of several accounts: {names}", "name one of them")
        return str(same[0]["id"]) if same else None

    def state(self, native: str) -> AccountState | None:
        """One account as it is now: six small reads, None where it is gone (or goes meanwhile)."""
        return account_state(self._connection, native)

    def states(self, natives: Iterable[str]) -> dict[str, AccountState]:
        """Many accounts as they are now, 8 in flight; those that are gone are left out."""
        seen = self._connection.all_of(self.state, dict.fromkeys(natives))
        return {state.native: state for state in seen if state is not None}

    def create(self, account: NewAccount) -> str:
        """Make an enabled account without credential that has `account.actions` to do; no mail leaves.

        POST /users. Raises `AccountRefused` with Keycloak's text where username or address exist or the
        profile forbids one of them, and where an action or attribute would be dropped in silence.
        """
        self._check_actions(account.actions)
        self._check_attributes(account.attributes)
        attrs = {ATTRIBUTE + name: values for name, values in account.attributes.items()}
        attrs |= {
            "username": (account.username,),
            "email": (account.address,),
            "given_name": (account.given_name,) if account.given_name else (),
            "family_name": (account.family_name,) if account.family_name else (),
            "locale": (account.locale,) if account.locale else (),
            "enabled": ("true",),
        }
        body = written_person({}, attrs, ()) | {"emailVerified": False}
        return self._make(body | {"requiredActions": list(account.actions)})

    def remake(self, native: str) -> str:
        """Delete the account and make it anew, in the same groups, under a new id; old links are dead then.

        Raises `AccountRefused` where somebody made it theirs, or where it holds what would not come back:
        roles of its own, memberships in organizations. What happens between the look and the deletion is
        not seen. If the second half fails the account is gone, and the message says so.
        """
        connection = self._connection
        user = self._whole(native)
        state = self.state(native)
        reasons = reasons_to_keep(connection, state) if state else ["it is gone"]
        if reasons:
            raise self._refusal(
                f"account {user['username']} is not made anew: {', '.join(reasons)}",
                "its earlier links stay good until they expire",
            )
        body = written_person(user, {}, ()) | {
            "enabled": bool(user.get("enabled")),
            "emailVerified": False,
            "requiredActions": user.get("requiredActions", []),
            "groups": [group["path"] for group in connection.paged("users", native, "groups")],
        }
        self.delete(native)
        try:
            return self._make(body)
        except AccountRefused as refused:
            raise self._refusal(
                f"account {user['username']} was deleted and could not be made anew: {refused.message}",
                "invite the person again",
            ) from refused

    def send_actions(
        self,
        native: str,
        actions: Sequence[str],
        lifespan: int | None = None,
        client: str = "",
        redirect: str = "",
    ) -> SendResult:
        """Mail a link to do `actions`, good for `lifespan` seconds (the realm's own where None).

        PUT /users/{id}/execute-actions-email, sent once. Earlier links stay good: Keycloak voids none.
        The mail's language is the account's `locale`. An action the realm has turned off is refused here:
        Keycloak would mail a link that asks for nothing.
        """
        return send_actions(
            self._connection, native, actions, lifespan=lifespan, client=client, redirect=redirect
        )

    def mail_event(self, native: str, since: datetime) -> datetime | None:
        """When the newest mail of actions left at or after `since`, by Keycloak's admin events.

        The event is written after the mail was handed over and before the answer, with Keycloak's clock.
        Whoever gives `since` allows for clocks that differ. Raises `IncompleteRead` where the realm keeps
        no admin events, since nothing can be concluded from their absence then.
        """
        connection = self._connection
        if not connection.get().get("adminEventsEnabled"):
            raise IncompleteRead(
                connection.name,
                "the realm keeps no admin events, so nobody can say whether a mail left",
                "turn on Realm settings, Events, Admin events, or run `syncd bootstrap`",
            )
        events = connection.get(
            "admin-events",
            operationTypes="ACTION",
            resourceTypes="USER",
            resourcePath=f"users/{native}/execute-actions-email",
            dateFrom=int(since.timestamp() * 1000),
        )
        newest = max((event["time"] for event in events), default=None)
        return None if newest is None else datetime.fromtimestamp(newest / 1000, UTC)

    def set_mail_attributes(self, native: str, facts: MailFacts) -> None:
        """Keep on the account what the next mail is to say, links and control characters taken out.

        Raises `AccountRefused` where the user profile does not declare them, since they would be lost.
        """
        self._check_attributes(MAIL_ATTRIBUTES)
        self._write_attributes(native, mail_attributes(facts))

    def clear_mail_attributes(self, native: str) -> None:
        """Remove what `set_mail_attributes` kept."""
        self._write_attributes(native, dict.fromkeys(MAIL_ATTRIBUTES, ()))

    def set_profile(self, native: str, profile: Attrs) -> None:
        """Write names, locale and attributes, leaving the rest of the profile as it is.

        Raises `AccountRefused` where the user profile does not declare an attribute or forbids a value.
        """
        self._check_attributes(name.removeprefix(ATTRIBUTE) for name in profile if name.startswith(ATTRIBUTE))
        self._write(native, written_person(self._whole(native), profile, ()))

    def disable(self, native: str) -> None:
        """Let nobody log in; a link mailed before is refused while it lasts. Sessions go on."""
        self._write(native, {"enabled": False})

    def enable(self, native: str) -> None:
        """Let its owner log in again, with everything the account had."""
        self._write(native, {"enabled": True})

    def end_sessions(self, native: str) -> None:
        """End every session: POST /users/{id}/logout, then each offline session that outlives it."""
        connection = self._connection
        self._done(native, "POST", "users", native, "logout")
        for consent in connection.get("users", native, "consents"):
            for grant in consent.get("additionalGrants", ()):
                for session in connection.get("users", native, "offline-sessions", grant["client"]):
                    reply = connection.call("DELETE", "sessions", session["id"], isOffline=True)
                    self._check(native, reply, "DELETE", ("sessions",), gone=True)

    def delete(self, native: str) -> None:
        """Delete the account with everything that is its own; one that is gone is fine."""
        reply = self._connection.call("DELETE", "users", native)
        self._check(native, reply, "DELETE", ("users", native), gone=True)

    def _make(self, body: Json) -> str:
        reply = self._connection.call("POST", "users", body=body)
        if reply.status == HTTPStatus.CONFLICT:
            raise self._refusal(
                f"no account is made for {body['email']}: {explain(reply.body)}",
                "look for the account that has this username or address",
            )
        if reply.status == HTTPStatus.BAD_REQUEST:
            raise self._refusal(
                f"no account is made for {body['email']}: {explain(reply.body)}",
                "correct it; the realm's user profile sets these rules",
            )
        if not reply.ok:
            raise answer_failure(self._connection.name, "POST", ("users",), reply.status, reply.body)
        return reply.made

    def _write_attributes(self, native: str, values: dict[str, tuple[str, ...]]) -> None:
        """Write attributes of an account with everything that a body with attributes would erase."""
        changed = {ATTRIBUTE + name: value for name, value in values.items()}
        self._write(native, written_person(self._whole(native), changed, ()))

    def _write(self, native: str, body: Json) -> None:
        """PUT /users/{id}; a body without `attributes` leaves everything else as it is."""
        self._done(native, "PUT", "users", native, body=body)

    def _done(self, native: str, method: str, *place: str, body: Json | None = None) -> None:
        self._check(native, self._connection.call(method, *place, body=body), method, place)

    def _check(
        self, native: str, reply: Reply, method: str, place: tuple[str, ...], *, gone: bool = False
    ) -> None:
        """Raise what a reply means unless it says done; `gone` takes 404 for done."""
        if reply.ok or (gone and reply.status == HTTPStatus.NOT_FOUND):
            return
        if reply.status == HTTPStatus.NOT_FOUND:
            raise self._gone(native)
        if reply.status == HTTPStatus.BAD_REQUEST:
            raise self._refusal(
                f"account {native}: {explain(reply.body)}",
                "look at the realm's user profile and, for an account of a directory, at its edit mode",
            )
        raise answer_failure(self._connection.name, method, place, reply.status, reply.body)

    def _whole(self, native: str) -> Json:
        user: Json | None = self._connection.find("users", native)
        if user is None:
            raise self._gone(native)
        return user

    def _check_actions(self, actions: Iterable[str]) -> None:
        """Refuse an action that Keycloak would drop in silence, or keep and never ask for."""
        missing = turned_off(self._connection, actions)
        if missing:
            raise self._refusal(
                f"the realm does not know or has turned off {', '.join(missing)}",
                "turn it on in Authentication, Required actions, or leave it out of `actions`",
            )

    def _check_attributes(self, names: Iterable[str]) -> None:
        lost = self._profile.lost(names)
        if lost:
            raise self._refusal(
                f"the user profile does not declare {', '.join(lost)}, so it would be lost", PROFILE_REMEDY
            )

    def _gone(self, native: str) -> AccountRefused:
        return self._refusal(f"account {native} is gone", "look for the person again")

    def _refusal(self, message: str, remedy: str) -> AccountRefused:
        return AccountRefused(self._connection.name, message, remedy)


def _ascii_lower(text: str) -> bytes:
    return text.encode().lower()
