"""What syncd.yaml may say: one class for each part, with what it means where it is left out."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, model_validator

from syncd.errors import MappingInvalid, Place, Problem
from syncd.mapping.schema import Policy, Schedule
from syncd.mapping.schema_rules import Model
from syncd.mapping.values import Duration, Flag, Free, Number, Span, Text, TextList, refuse
from syncd.reasons import EVENTS

MASK = "*****"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PASSWORD = re.compile(r"(://[^/@:\s]*:)[^/@\s]*(?=@)|([?&](?:ssl)?password=)[^&\s]*")


def shown_address(text: str) -> str:
    """An address as it may be shown: a password in it is masked."""
    return _PASSWORD.sub(lambda found: f"{found[1] or found[2]}{MASK}", text)


def has_password(text: str) -> bool:
    """Whether an address holds a password, before its host or among its options."""
    return _PASSWORD.search(text) is not None


class SettingsInvalid(MappingInvalid):
    """syncd.yaml, a variable or a credential cannot be used; carries every problem found."""

    quotable = False


def _reference(value: Any) -> Any:
    if isinstance(value, str):
        raise refuse(
            "a secret must not stand here in the clear",
            "put it into a file and write {file: NAME}, or into the environment and write {env: NAME}",
        )
    return value


class SecretReference(Model):
    """Where a secret is; the secret itself is read each time it is needed, so that it can be rotated."""

    env: Text | None = None
    file: Path | None = None
    _place: Place = PrivateAttr(default=Place("syncd.yaml"))
    _key: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _one(self) -> "SecretReference":
        if (self.env is None) == (self.file is None):
            raise refuse("a secret is either {env: NAME} or {file: NAME}")
        return self

    def stands_at(self, key: str, place: Place) -> None:
        """Remember where this reference is written, for the message when it leads nowhere."""
        self._key, self._place = key, place

    def reveal(self, environ: dict[str, str]) -> SecretStr:
        """The secret, without the line feed at its end; raises SettingsInvalid where it is not there."""
        value = environ.get(self.env, "") if self.env is not None else self._read()
        if not value:
            what = f"the variable {self.env}" if self.env is not None else f"the file {self.file}"
            raise self._missing(f"{what} is empty or not set")
        return SecretStr(value)

    def __str__(self) -> str:
        return f"{MASK} (environment {self.env})" if self.env is not None else f"{MASK} (file {self.file})"

    def _read(self) -> str:
        try:
            return Path(self.file or "").read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise self._missing(f"the file {self.file} cannot be read: {reason}") from error

    def _missing(self, message: str) -> SettingsInvalid:
        hint = "look at the mount, and at owner and mode of the file"
        return SettingsInvalid([Problem(self._place, self._key, message, hint if self.file else "")])


Secret: TypeAlias = Annotated[SecretReference, BeforeValidator(_reference)]


class Keycloak(Model):
    """A Keycloak server and the service account to use; `realm` is the one the account is in."""

    type: Literal["keycloak"]
    url: Text
    realm: Text
    client_id: Text
    client_secret: Secret
    ca: Path | None = None


class Ldap(Model):
    """Directory servers of one tree, tried in order; `insecure` allows ldap:// to another machine."""

    type: Literal["ldap"]
    urls: TextList
    bind_dn: Text
    password: Secret
    ca: Path | None = None
    start_tls: Flag = False
    insecure: Flag = False
    wire: Literal["lean", "stock"] = "lean"


class Http(Model):
    """A server that has rosters; `token` logs in as a bearer (RFC 6750).

    `insecure` allows http:// to another machine, which sends people and token in the clear.
    """

    type: Literal["http"]
    url: Text
    token: Secret | None = None
    ca: Path | None = None
    insecure: Flag = False

    @model_validator(mode="after")
    def _safe(self) -> "Http":
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise refuse(f'"{shown_address(self.url)}" is no http or https address')
        if has_password(self.url):
            raise refuse("a password must not stand here in the clear", "use `token: {file: NAME}`")
        if parts.scheme == "http" and not self.insecure and parts.hostname not in LOOPBACK:
            hint = "use https://, or `insecure: true` if it must be"
            raise refuse("http:// sends people and token in the clear", hint)
        return self


Connection: TypeAlias = Annotated[Keycloak | Ldap | Http, Field(discriminator="type")]


class May(Model):
    """How far a mapping reaches; what is absent is not bounded, `grants` excepted: none unless listed."""

    connections: TextList | None = None
    realm: Text | None = None
    groups: TextList | None = None
    bases: TextList | None = None
    grants: TextList = ()


class FileRule(Model):
    """What the files that a pattern matches may hold: units below `under`, these keys, these roles."""

    under: TextList | None = None
    keys: TextList | None = None
    roles: TextList | None = None


class MappingSettings(Model):
    """Where one mapping is, how far it reaches, and what is different in this environment."""

    from_: Path = Field(alias="from")
    may: May = May()
    policy: Policy = Policy()
    files: dict[str, FileRule] = Field(default_factory=dict)
    set_: dict[str, Free] = Field(default_factory=dict, alias="set")

    @model_validator(mode="after")
    def _outputs_only(self) -> "MappingSettings":
        for path in self.set_:
            if path.partition(".")[0] not in ("keycloak", "ldap", "settings"):
                raise refuse(f'`set` cannot change "{path}"', "it reaches keycloak, ldap and settings only")
        return self


def _mail(value: Any) -> Any:
    return {"mode": value} if isinstance(value, str) else value


class MailRule(Model):
    """Whether invitations are really sent: `deliver`, `hold`, or only to these domains."""

    mode: Literal["deliver", "hold"] = "deliver"
    only: TextList | None = None


class Operators(Model):
    """Who may approve plans."""

    approvers: TextList = ()


class Smtp(Model):
    """The server for syncd's own notices; invitations go out by Keycloak."""

    host: Text
    port: Number = 25
    from_: Text = Field(alias="from")
    username: Text | None = None
    password: Secret | None = None
    start_tls: Flag = False


_RECIPIENT = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/]*):(\d{1,5})")


def _address(value: str) -> str:
    match = _ADDRESS.fullmatch(value)
    if not match or not 0 < int(match[2]) < 65_536:  # noqa: PLR2004  16 bits of a port
        raise refuse(f'"{value}" is not HOST:PORT', "for example 127.0.0.1:9464")
    return value


Address: TypeAlias = Annotated[Text, AfterValidator(_address)]


class Listen(Model):
    """Addresses to listen on; each is off unless named."""

    health: Address | None = None
    web: Address | None = None
    public: Address | None = None


class Api(Model):
    """What access tokens must be for: the audience that Keycloak writes into them."""

    audience: Text = "syncd-api"


class Webhook(Model):
    """Who is told of events: `events` empty means all; bodies are signed with `secret` where one is given."""

    url: Text
    secret: Secret | None = None
    events: TextList = ()


def _told_events(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if name not in EVENTS:
            raise refuse(f'"{name}" is nothing that operators are told', f"there are: {', '.join(EVENTS)}")
    return value


def _told_people(value: tuple[str, ...]) -> tuple[str, ...]:
    for address in value:
        if not _RECIPIENT.fullmatch(address):
            raise refuse(f'"{address}" is no mail address', "for example ops@example.org")
    return value


class Notify(Model):
    """Which operators are mailed when a mapping is stopped, fails, is invalid, waits or is well again.

    `events` empty means all; what is often over by the next run is told once it lasts longer than `after`.
    """

    mail: Annotated[TextList, AfterValidator(_told_people)] = ()
    language: Literal["en", "fr"] = "en"
    events: Annotated[TextList, AfterValidator(_told_events)] = ()
    after: Span = Duration(seconds=300)


class Window(Model):
    """A time in which nothing is written: it begins at `cron` and lasts `duration`."""

    cron: Text
    duration: Span
    timezone: Text = "UTC"


def _store(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    parts = urlsplit(value)
    if parts.scheme not in ("sqlite", "postgresql", "postgresql+psycopg"):
        raise refuse(
            "expected sqlite:FILE or postgresql://HOST/DATABASE",
            "sqlite:///var/lib/syncd.db is absolute, sqlite:syncd.db relative to syncd.yaml",
        )
    if has_password(value):
        raise refuse(
            "a password must not stand here in the clear",
            "write `store: {file: NAME}` or {env: NAME} for the whole address, or use ~/.pgpass",
        )
    return {"url": value}


class Store(Model):
    """The address of syncd's own database, or where it is to be read because it holds a password."""

    url: Text | None = None
    env: Text | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _one(self) -> "Store":
        if sum(value is not None for value in (self.url, self.env, self.file)) != 1:
            raise refuse("a store is an address, {env: NAME} or {file: NAME}")
        return self

    def reveal(self, environ: dict[str, str]) -> SecretStr:
        """The address; raises SettingsInvalid where its reference leads nowhere."""
        if self.url is not None:
            return SecretStr(self.url)
        reference = SecretReference(env=self.env, file=self.file)
        reference.stands_at("store", Place("syncd.yaml"))
        return reference.reveal(environ)

    def __str__(self) -> str:
        return self.url if self.url is not None else str(SecretReference(env=self.env, file=self.file))


_MAPPING = re.compile(r"[a-z][a-z0-9-]{0,62}")
_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def _mapping_names(value: dict[str, MappingSettings]) -> dict[str, MappingSettings]:
    for name in value:
        if not _MAPPING.fullmatch(name):
            raise refuse(f'"{name}" is not a mapping id', "a to z, 0 to 9 and -, beginning with a letter")
    return value


def _environment(value: str) -> str:
    if not _ENVIRONMENT.fullmatch(value):
        raise refuse(f'"{value}" is not a name of an environment', "letters, digits, and . _ -")
    return value


EnvironmentName: TypeAlias = Annotated[Text, AfterValidator(_environment)]
MappingTable: TypeAlias = Annotated[dict[str, MappingSettings], AfterValidator(_mapping_names)]
StoreAddress: TypeAlias = Annotated[Store, BeforeValidator(_store)]
Mail: TypeAlias = Annotated[MailRule, BeforeValidator(_mail)]

__all__ = [
    "MASK",
    "Api",
    "Connection",
    "EnvironmentName",
    "FileRule",
    "Http",
    "Keycloak",
    "Ldap",
    "Listen",
    "Mail",
    "MailRule",
    "MappingSettings",
    "MappingTable",
    "May",
    "Notify",
    "Operators",
    "Schedule",
    "Secret",
    "SecretReference",
    "SettingsInvalid",
    "Smtp",
    "Store",
    "StoreAddress",
    "Webhook",
    "Window",
    "has_password",
    "shown_address",
]
