"""Random changes of a realm as administrators make them, over any connection that speaks the Admin API.

The same history runs on a live Keycloak and on `tests.model_realm`, which keeps the model honest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.model import Scope

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from syncd.model import Path

NAMED = 6  # addresses and usernames that a mapping names, whoever has them


class History:
    """A realm with one top-level group, and steps that change it; numbers come from `random`."""

    def __init__(self, admin: Any, random: Random) -> None:
        self._admin = admin
        self._random = random
        self._number = 0
        self.top = self._made("groups", name="top")
        self._made("roles", name="role")
        self.role = str(admin.get("roles", "role")["id"])
        for _ in range(4):
            self._number += 1
            self.make_group()
        self._steps: list[Callable[[], None]] = [
            *([self.join, self.leave, self.rename_person] * 2),
            *(self.make_person, self.make_joined_person, self.delete_person),
            *([self.make_group, self.move_group] * 2),
            *(self.describe_group, self.delete_group, self.make_top),
            *(self.grant, self.rename_role, self.compose, self.mail, self.describe_realm),
        ]

    def step(self) -> str:
        """Do one of them; its name."""
        self._number += 1
        act = self._random.choice(self._steps)
        act()
        return act.__name__

    def scope(self) -> Scope:
        """What a mapping over this realm might ask, other members and people each time."""
        places = [place for place, _ in self._groups()]
        natives = [user["id"] for user in self._users() if user["username"].startswith("user")]
        return Scope(
            tops=frozenset({("top",)}),
            members_of=frozenset(self._random.sample(places, max(1, len(places) * 2 // 3))),
            roles=frozenset({("", self._role()["name"]), ("", "other")}),
            people=frozenset(
                text for number in range(NAMED) for text in (f"named{number}", _address(number))
            ),
            natives=frozenset(natives),
            profiles=frozenset(natives[:3]),
        )

    # --- steps

    def join(self) -> None:
        self._with_somebody(lambda user: self._admin.call("PUT", "users", user, "groups", self._group()))

    def leave(self) -> None:
        def act(user: str) -> None:
            groups = self._admin.get("users", user, "groups", first=0, max=1000)
            for group in groups[:1]:
                self._admin.call("DELETE", "users", user, "groups", group["id"])

        self._with_somebody(act)

    def rename_person(self) -> None:
        def act(user: str) -> None:
            body = self._admin.get("users", user) | {
                "email": _address(self._random.randrange(NAMED)),
                "firstName": f"F{self._number}",
                "enabled": self._random.random() < 0.7,
            }
            self._admin.call("PUT", "users", user, body=body)

        self._with_somebody(act)

    def make_person(self) -> None:
        self._made("users", username=f"user{self._number}", enabled=True)

    def make_joined_person(self) -> None:
        """Memberships in the same request leave no event of their own."""
        place = "/" + "/".join(self._random.choice(self._groups())[0])
        name = f"named{self._random.randrange(NAMED)}"
        self._admin.call("POST", "users", body={"username": name, "enabled": True, "groups": [place]})

    def delete_person(self) -> None:
        self._with_somebody(lambda user: self._admin.call("DELETE", "users", user))

    def mail(self) -> None:
        """An act on an account that changes nothing that is read."""
        password = {"type": "password", "value": "secret", "temporary": False}
        self._with_somebody(
            lambda user: self._admin.call("PUT", "users", user, "reset-password", body=password)
        )

    def make_group(self) -> None:
        self._made("groups", self._group(), "children", name=f"group{self._number}")

    def make_top(self) -> None:
        self._made("groups", name=f"other{self._number}")

    def describe_realm(self) -> None:
        """A change whose event does not say what of the realm it touched."""
        self._admin.call("PUT", body={"displayName": f"Realm {self._number}"})

    def describe_group(self) -> None:
        place, group = self._random.choice(self._groups())
        body = {"name": place[-1], "attributes": {"number": [str(self._number)]}}
        self._admin.call("PUT", "groups", group, body=body)

    def delete_group(self) -> None:
        place, group = self._random.choice(self._groups())
        if len(place) > 1:
            self._admin.call("DELETE", "groups", group)

    def move_group(self) -> None:
        groups = self._groups()
        place, group = self._random.choice(groups)
        elsewhere = [
            (target, one) for target, one in groups if target[: len(place)] not in (place, place[:-1])
        ]
        if elsewhere:
            _, parent = self._random.choice(elsewhere)
            self._admin.call("POST", "groups", parent, "children", body={"id": group, "name": place[-1]})

    def grant(self) -> None:
        method = self._random.choice(("POST", "DELETE"))
        self._admin.call(method, "groups", self._group(), "role-mappings", "realm", body=[self._role()])

    def rename_role(self) -> None:
        self._admin.call(
            "PUT", "roles-by-id", self.role, body={**self._role(), "name": f"role{self._number}"}
        )

    def compose(self) -> None:
        method = self._random.choice(("POST", "DELETE"))
        part = self._admin.get("roles", "offline_access")
        self._admin.call(method, "roles-by-id", self.role, "composites", body=[part])

    # --- what there is

    def _with_somebody(self, act: Callable[[str], Any]) -> None:
        users = self._users()
        if users:
            act(self._random.choice(users)["id"])

    def _users(self) -> list[dict[str, Any]]:
        return list(self._admin.get("users", first=0, max=1000))

    def _role(self) -> dict[str, Any]:
        return dict(self._admin.get("roles-by-id", self.role))

    def _group(self) -> str:
        return self._random.choice(self._groups())[1]

    def _groups(self) -> list[tuple[Path, str]]:
        found, waiting = [], [(("top",), self.top)]
        while waiting:
            place, group = waiting.pop()
            found.append((place, group))
            children = self._admin.get("groups", group, "children", first=0, max=1000)
            waiting += [((*place, child["name"]), child["id"]) for child in children]
        return found

    def _made(self, *place: str, **body: Any) -> str:
        return str(self._admin.call("POST", *place, body=body).made)


def _address(number: int) -> str:
    return f"named{number}@acme.example"
