"""What the application answers beside plans and reports: small values that `render` and `app` share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.errors import Place, Problem
    from syncd.model import Held


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What reading mappings found; `sources` holds the lines of each file, for carets under problems.

    `notes` name what was left open because only a server could tell.
    """

    problems: tuple[Problem, ...] = ()
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mappings: int = 0
    units: int = 0
    people: int = 0
    assignments: int = 0
    notes: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether a run could use it: warnings do not count."""
        return not any(problem.severity == "error" for problem in self.problems)


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A held change with the mapping and target it belongs to; `person` is the name people know."""

    mapping: str
    target: str
    held: Held
    person: str = ""


@dataclass(frozen=True, slots=True)
class LockRow:
    """An account that an act or a rule of the mapping keeps closed, or soon will: `rule` is its key.

    `state` is `missed` (not locked yet), `disabled`, or `ending` (to be deleted). Times are ISO 8601 in UTC;
    `due` is when the account is deleted, empty where it is not.
    """

    mapping: str
    who: str
    state: str
    rule: str
    by: str
    since: str
    due: str
    reason: str


@dataclass(frozen=True, slots=True)
class MappingStatus:
    """How one mapping stands. Times are ISO 8601 in UTC, empty where there was none.

    `drift` is how many differences the newest run found, `invitations` how many there are by state. `behind`
    are the parts of a mapping whose newest run did not end well. `reason` is how a daemon found it last,
    empty where none has, `about` what that names: limits, servers, a file, kinds of waiting; `told` is when
    operators were told of it, empty where nobody was.
    """

    name: str
    last_run: str = ""
    last_result: str = ""
    last_success: str = ""
    pending: int = 0
    held: int = 0
    stopped: int = 0
    people: int = 0
    owned: int = 0
    drift: int = 0
    invitations: Mapping[str, int] = field(default_factory=dict)
    behind: tuple[str, ...] = ()
    reason: str = ""
    about: tuple[str, ...] = ()
    since: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True)
class DaemonStanding:
    """How the daemon is that answered at `address`, in its own words.

    `queue` is how many mappings are due and wait, None where it does not know; `problems` are the checks
    that are not ok, with why; `requests` are (connection, operation, result, how many) since its start.
    """

    address: str
    version: str
    leader: bool
    queue: int | None
    problems: Mapping[str, str] = field(default_factory=dict)
    requests: tuple[tuple[str, str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class DueRow:
    """When a mapping is due: `late` seconds after each firing of `cron`. Times are ISO 8601 in UTC."""

    name: str
    cron: str
    timezone: str
    late: int
    next: tuple[str, ...]
    paused_by: str = ""
    paused_until: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a person holds, or waits for, one role: the rule, where it is written, and how it stands."""

    unit: str
    role: str
    target: str
    rule: str = ""
    source: str = ""
    place: Place | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class BootstrapRequest:
    """What a one-off realm administrator is asked to make, or with `remove` to take away.

    Secrets come as paths of files, never as values: a command line is visible to everyone on a host.
    """

    mapping: str | None = None
    keycloak_url: str = ""
    realm: str = ""
    admin_client_id: str = ""
    admin_client_secret_file: str = ""
    admin_realm: str = "master"
    ldap_url: str = ""
    ldap_bind_dn: str = ""
    ldap_password_file: str = ""
    ldap_base: str = ""
    ldap_people_base: str = ""
    mapping_path: str = ""
    smtp_host: str = ""
    smtp_port: int = 0
    email_theme: str = ""
    environment: str = "production"
    remove: bool = False


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A stored plan in a list: `state` is pending, approved, refused, applied or superseded."""

    id: str
    mapping: str
    digest: str
    created: str
    state: str
    changes: int = 0
    held: int = 0
    stops: int = 0
    who: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list; `trigger` says what started it (apply, schedule, event)."""

    id: str
    mapping: str
    started: str
    finished: str = ""
    trigger: str = ""
    actor: str = ""
    exit_code: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    message: str = ""
    part: str = ""  # the root unit of which it was, "/" of what belongs to none; empty for the whole mapping


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line of the audit trail: who did what to which fact, and how it ended."""

    at: str
    actor: str
    run: str
    action: str
    target: str
    subject: str
    result: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run with everything it did."""

    row: RunRow
    lines: tuple[AuditRow, ...] = ()
