"""Where requests of the API meet the application: who calls, what they look at, what they have done.

Every request reads settings, files and servers as they are then, so that nothing is decided on what was.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from syncd.app.files import folder_of, shown
from syncd.app.in_force import InForce
from syncd.errors import Busy, UsageError
from syncd.membership_links import address
from syncd.web.keys import Keys, Realm
from syncd.web.problems import not_logged_in
from syncd.web.tokens import NotAccepted, subject_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from syncd.app import App
    from syncd.membership import Office
    from syncd.membership_words import Verdict

PATIENCE = 20.0  # seconds that an act waits for a run to end
BETWEEN = 0.1
REALM_KEPT = 60.0  # seconds for which the realm of a mapping is not looked up again

log = structlog.get_logger("syncd.web")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever bears an accepted token: the mapping that was asked for, and the account's Keycloak id."""

    mapping: str
    account: str


class Desk:
    """One operator's file, served."""

    def __init__(self, config: Path | None, keys: Keys | None = None) -> None:
        """Raises `SettingsInvalid` where syncd.yaml cannot be used."""
        self.files = InForce(config, lambda: False)
        self._keys = keys or Keys()
        self._realms: dict[str, tuple[float, Realm]] = {}

    def caller(self, mapping: str, token: str) -> Caller:
        """Who calls; a mapping that does not exist accepts nobody's token.

        Raises the answer 401, and `Unreachable` where the realm's keys cannot be read.
        """
        self.files.reload()
        try:
            realm = self._realm(mapping)
            audience = self.files.settings.api.audience
            return Caller(mapping, subject_of(token, realm, audience, self._keys))
        except (NotAccepted, UsageError) as error:
            log.warning("token not accepted", reason=str(error))
            raise not_logged_in() from error

    @contextmanager
    def office(self, caller: Caller) -> Iterator[Office]:
        """The mapping as it is now, on behalf of the caller, to be read from only."""
        with self._app() as app:
            yield app.office_of_account(caller.mapping, caller.account)

    def record(self, caller: Caller, do: Callable[[Office], Sequence[Verdict]]) -> Sequence[Verdict]:
        """Have something done on behalf of the caller; waits a while for a run that is under way."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with self._app() as app:
                    return app.record(caller.mapping, caller.account, do)
            except Busy:
                if time.monotonic() > until:
                    raise
                time.sleep(BETWEEN)

    def link(self, token: str) -> str:
        """The address on which a link is redeemed; empty where nobody said where the public page is."""
        return address(self.files.settings.public_url or "", token)

    def folder(self, mapping: str) -> str:
        """What the files of a mapping begin with, as places name them: wherever this process stands."""
        return f"{shown(folder_of(self.files.settings.mappings[mapping].from_))}/"

    @contextmanager
    def _app(self) -> Iterator[App]:
        app = self.files.app()
        try:
            yield app
        finally:
            app.close()

    def _realm(self, mapping: str) -> Realm:
        kept = self._realms.get(mapping)
        if kept is None or time.monotonic() - kept[0] > REALM_KEPT:
            with self._app() as app:
                kept = self._realms[mapping] = (time.monotonic(), Realm(*app.realm(mapping)))
        return kept[1]
