"""syncd.yaml, the operator's file: where servers and mappings are, and how far each mapping may reach.

`load` is the way in. Precedence: the caller, `SYNCD_A__B`, systemd credentials, syncd.yaml, defaults.
Secrets stand nowhere in it: they are references, read when they are needed and never shown.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from syncd.errors import Place, Problem
from syncd.mapping.schema import Schedule  # noqa: TC001 - pydantic reads the annotations at run time
from syncd.mapping.suggestions import meant_or_listed
from syncd.mapping.tree_paths import dotted
from syncd.mapping.values import Duration, Span, Text
from syncd.settings import layers as _layers
from syncd.settings.models import (
    Api,
    Connection,
    EnvironmentName,
    Http,
    Keycloak,
    Ldap,
    Listen,
    Mail,
    MailRule,
    MappingSettings,
    MappingTable,
    May,
    Notify,
    Operators,
    Secret,
    SecretReference,
    SettingsInvalid,
    Smtp,
    Store,
    StoreAddress,
    Webhook,
    Window,
    shown_address,
)
from syncd.settings.problems import problems_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncd.settings.layers import Layer, Route

DEFAULT_FILE = Path("syncd.yaml")
PRODUCTION = "production"


class Settings(BaseSettings):
    """Everything in syncd.yaml, checked; all paths are absolute."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True, env_prefix="SYNCD_"
    )

    environment: EnvironmentName
    store: StoreAddress
    connections: dict[str, Connection] = {}
    sources: dict[str, Path] = {}
    mappings: MappingTable = {}
    schedule: Schedule | None = None
    mail: Mail | None = None
    operators: Operators = Operators()
    smtp: Smtp | None = None
    listen: Listen = Listen()
    api: Api = Api()
    full_read: Span = Duration(days=1)
    events: Span = Duration(seconds=30)
    integrity_key: Secret | None = None
    public_url: Text | None = None
    notify: Notify = Notify()
    webhooks: tuple[Webhook, ...] = ()
    maintenance: tuple[Window, ...] = ()

    _file: Path = PrivateAttr(default=DEFAULT_FILE)
    _layers: tuple[Any, ...] = PrivateAttr(default=())

    @property
    def file(self) -> Path:
        """Where these settings were read from."""
        return self._file

    @property
    def mail_rule(self) -> MailRule:
        """What happens to invitations: as said, else delivered in production and held anywhere else."""
        return self.mail or MailRule(mode="deliver" if self.environment == PRODUCTION else "hold")

    def store_url(self) -> SecretStr:
        """The store's address, with its password if it has one; raises SettingsInvalid."""
        found = self.store.reveal(dict(os.environ)).get_secret_value()
        return SecretStr(_layers.store_address(found, _folder(self._file)))

    def secret(self, reference: SecretReference) -> SecretStr:
        """What `reference` leads to, read now; raises SettingsInvalid where it leads nowhere."""
        return reference.reveal(dict(os.environ))

    def revealed(self) -> list[str]:
        """Every secret that can be read, for who takes them out of a text.

        The store's address is one where it is a reference, its password in any case; a webhook's address
        is one, since its path often is what lets in.
        """
        found = []
        for _, reference in _references((), self):
            with suppress(SettingsInvalid):
                found.append(reference.reveal(dict(os.environ)).get_secret_value())
        with suppress(SettingsInvalid):
            address = self.store.reveal(dict(os.environ)).get_secret_value()
            found += [address] if self.store.url is None else []
            parts = urlsplit(address)
            found += [unquote(parts.password or ""), *parse_qs(parts.query).get("password", ())]
        return [text for text in (*found, *(hook.url for hook in self.webhooks)) if text]

    def place(self, *route: str) -> Place:
        """Where the setting at `route` is written, else the file."""
        found = (layer.place(route, key=True) for layer in self._layers)
        return next((place for place in found if place), Place(str(self._file)))

    def origins(self) -> list[tuple[str, str, str]]:
        """(dotted key, value as it may be shown, where it comes from), in the order of the fields."""
        return [
            (dotted(route), shown, self._origin(route))
            for name, field in type(self).model_fields.items()
            for route, shown in _shown((field.alias or name,), getattr(self, name))
        ]

    def _origin(self, route: Route) -> str:
        for layer in self._layers:
            place = layer.place(route)
            if place is not None:
                return str(place) if layer.tree is not None else place.file
        return "default"


def load(
    config: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read, merge and check the settings; `config` is ./syncd.yaml where it is None.

    Raises SettingsInvalid with every problem, UsageError where the file does not exist.
    """
    variables = os.environ if environ is None else environ
    file = config or DEFAULT_FILE
    credentials = Path(variables["CREDENTIALS_DIRECTORY"]) if variables.get("CREDENTIALS_DIRECTORY") else None
    names = list(Settings.model_fields)
    written = _layers.from_file(file)
    stack = (
        _layers.from_caller(overrides or {}),
        _layers.from_variables(variables, names, written.data),
        _layers.from_credentials(credentials, names, written.data),
        written,
        _layers.defaults(),
    )
    problems = [problem for layer in stack for problem in layer.problems]
    if problems:
        raise SettingsInvalid(problems)
    for stronger, weaker in combinations(stack, 2):
        _layers.yield_to(stronger, weaker)
    for layer in stack:
        _layers.anchor(layer, _folder(file), credentials)
    settings = _built(stack, file)
    _finish(settings, stack, file)
    return settings


def _folder(file: Path) -> Path:
    """The folder that paths in `file` start from, absolute."""
    return Path(os.path.abspath(file)).parent  # noqa: PTH100 - a symlinked syncd.yaml keeps its own folder


class _Values(PydanticBaseSettingsSource):
    """A layer as pydantic-settings takes one."""

    def __init__(self, settings_cls: type[BaseSettings], layer: Layer) -> None:
        super().__init__(settings_cls)
        self._layer = layer

    def get_field_value(self, _field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self._layer.data.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._layer.data


def _built(stack: tuple[Layer, ...], file: Path) -> Settings:
    class Loaded(Settings):
        """The settings over these layers."""

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_usual: Any, **_named: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return tuple(_Values(settings_cls, layer) for layer in stack)

    try:
        return Loaded()
    except ValidationError as error:
        merged: dict[str, Any] = {}
        for layer in reversed(stack):
            _merge(merged, layer.data)
        raise SettingsInvalid(problems_of(error, Settings, merged, stack, str(file))) from None


def _merge(into: dict[str, Any], data: Mapping[str, Any]) -> None:
    for key, value in data.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, dict) else value


def _finish(settings: Settings, stack: tuple[Layer, ...], file: Path) -> None:
    settings._file, settings._layers = file, stack  # noqa: SLF001 - this function completes the making of it
    for route, reference in _references((), settings):
        reference.stands_at(dotted(route), settings.place(*route))
    problems = [
        Problem(
            settings.place("mappings", name, "may", "connections"),
            dotted(("mappings", name, "may", "connections")),
            f'unknown connection "{wanted}"',
            meant_or_listed(wanted, settings.connections),
        )
        for name, mapping in settings.mappings.items()
        for wanted in mapping.may.connections or ()
        if wanted not in settings.connections
    ]
    if problems:
        raise SettingsInvalid(problems)


def _fields(value: BaseModel) -> Iterator[tuple[str, Any]]:
    for name, field in type(value).model_fields.items():
        yield field.alias or name, getattr(value, name)


def _inner(value: Any) -> Iterator[tuple[str, Any]] | None:
    """The named parts of a table or model; None for what is shown in one piece."""
    if isinstance(value, dict):
        return iter(value.items())
    if isinstance(value, BaseModel) and not isinstance(value, SecretReference | Store):
        return _fields(value)
    if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        return ((str(index), item) for index, item in enumerate(value))
    return None


def _shown(route: Route, value: Any) -> Iterator[tuple[Route, str]]:
    inner = _inner(value)
    if inner is not None:
        for step, part in inner:
            yield from _shown((*route, step), part)
    elif value not in (None, (), {}):
        shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        yield route, shown.lower() if isinstance(value, bool) else shown_address(shown)


def _references(route: Route, value: Any) -> Iterator[tuple[Route, SecretReference]]:
    if isinstance(value, SecretReference):
        yield route, value
        return
    for step, part in _inner(value) or ():
        yield from _references((*route, step), part)


__all__ = [
    "Http",
    "Keycloak",
    "Ldap",
    "MappingSettings",
    "May",
    "SecretReference",
    "Settings",
    "SettingsInvalid",
    "load",
]
