"""Where settings come from, strongest first: the caller, variables, systemd credentials, syncd.yaml.

Each layer is a tree of values that knows where every value stands. A secret in a variable or credential
becomes a reference to it, so that no layer ever holds one. Paths are made absolute here, relative to
syncd.yaml, because only here it is known which layer a path came from.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from syncd.errors import Place, Problem, UsageError
from syncd.mapping.files import read_files
from syncd.mapping.suggestions import did_you_mean
from syncd.mapping.tree import MAX_BYTES, Node, parse, plain
from syncd.settings.models import has_password

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PREFIX = "SYNCD_"
NOT_SETTINGS = frozenset({"config"})  # SYNCD_CONFIG says where syncd.yaml is
SECRETS = frozenset({"client_secret", "password", "secret", "token", "integrity_key"})
PATHS = ("connections.*.ca", "sources.*", "mappings.*.from")

SHORT_FORMS = frozenset({"from", "mode"})  # `acme: mappings/acme` is its `from`, `mail: hold` its `mode`
NEAR = 0.8  # likeness from which a variable is a slip of the pen and not somebody else's

Route = tuple[str, ...]


@dataclass(slots=True)
class Layer:
    """Values as a tree, and where each leaf (or key) stands; `problems` are what could not be taken."""

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[Route, str] = field(default_factory=dict)
    tree: Node | None = None
    problems: list[Problem] = field(default_factory=list)

    def place(self, route: Route, *, key: bool = False) -> Place | None:
        """Where the value (or with `key` its key) at `route` stands, if this layer has it."""
        if self.tree is None:
            found = next(
                (where for known, where in self.origins.items() if known[: len(route)] == route), None
            )
            return Place(found) if found else None
        node = self.tree
        for step in route:
            content = node.content
            if isinstance(content, dict) and step in content:
                node = content[step]
            elif isinstance(content, list) and step.isdigit() and int(step) < len(content):
                node = content[int(step)]
            elif isinstance(content, dict | list) or step not in SHORT_FORMS:
                return None
        return node.place if key else node.value_place

    def put(self, route: Route, value: Any, origin: str) -> None:
        """Set the value at `route`."""
        holder = self.data
        for step in route[:-1]:
            inner = holder.setdefault(step, {})
            holder = inner if isinstance(inner, dict) else holder
        holder[route[-1]] = value
        self.origins[route] = origin


def from_file(config: Path) -> Layer:
    """syncd.yaml; raises UsageError where there is none."""
    files, problems = read_files(config, MAX_BYTES)
    if not config.exists():
        raise UsageError(
            f"{config} does not exist.",
            "Name the operator's file with --config or SYNCD_CONFIG, or make one: syncd init",
        )
    layer = Layer(problems=list(problems))
    for file in files:
        layer.tree, found = parse(file.raw, file.name)
        layer.problems += found
    if layer.tree is not None and not layer.problems:
        if isinstance(layer.tree.content, dict):
            layer.data = plain(layer.tree)
        else:
            layer.problems.append(Problem(layer.tree.value_place, "", "expected keys and values"))
    for name, mapping in _table(layer.data, "mappings").items():
        if isinstance(mapping, str):
            layer.data["mappings"][name] = {"from": mapping}
    return layer


def from_variables(environ: Mapping[str, str], fields: Iterable[str], below: Mapping[str, Any]) -> Layer:
    """`SYNCD_A__B`: keys as `below` (syncd.yaml) writes them, where the variable means one of those.

    A variable of one word that is none of `fields` is left alone unless it is nearly one: Kubernetes
    makes `SYNCD_PORT` and its like for a service of this name.
    """
    layer, known = Layer(), frozenset(fields)
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX):
            continue
        words = name[len(PREFIX) :].lower().split("__")
        if words[0] in NOT_SETTINGS:
            continue
        if words[0] not in known:
            meant = did_you_mean(words[0], known)
            if len(words) > 1 or (meant and _near(words[0], known)):
                layer.problems.append(Problem(Place(f"${name}"), "", "this variable sets nothing", meant))
            continue
        route = _route(words, below)
        layer.put(route, _from_variable(route, name, environ[name]), f"${name}")
    return layer


def from_credentials(directory: Path | None, fields: Iterable[str], below: Mapping[str, Any]) -> Layer:
    """Systemd's `$CREDENTIALS_DIRECTORY`: a file `a__b` sets a.b; other names are for `{file: NAME}`."""
    layer, known = Layer(), frozenset(fields)
    for file in sorted(directory.iterdir()) if directory and directory.is_dir() else ():
        words = file.name.lower().split("__")
        if words[0] not in known or not file.is_file():
            continue
        route = _route(words, below)
        if _is_secret(route):
            layer.put(route, {"file": str(file)}, f"credential {file.name}")
        else:
            text = file.read_text("utf-8").rstrip("\r\n")
            value = {"file": str(file)} if _has_password(route, text) else _value(text)
            layer.put(route, value, f"credential {file.name}")
    return layer


def from_caller(overrides: Mapping[str, Any]) -> Layer:
    """What the program itself sets."""
    layer = Layer(data=dict(overrides))
    for route in leaves(layer.data):
        layer.origins[route] = "the caller"
    return layer


def defaults() -> Layer:
    """What depends on where syncd.yaml is."""
    layer = Layer()
    layer.put(("store",), "sqlite:syncd.db", "default")
    return layer


def anchor(layer: Layer, base: Path, credentials: Path | None) -> None:
    """Make every path absolute; a secret's bare file name is looked for among the credentials first."""
    for route in list(leaves(layer.data)):
        text = _get(layer.data, route)
        if not isinstance(text, str):
            continue
        if any(
            fnmatchcase(".".join(route), pattern) for pattern in PATHS if len(route) == pattern.count(".") + 1
        ):
            _set(layer.data, route, str(base / text))
        elif route[-1] == "file" and (_is_secret(route[:-1]) or route[0] == "store"):
            _set(layer.data, route, _secret_file(text, base, credentials))
        elif route == ("store",):
            _set(layer.data, route, store_address(text, base))
    _anchor_hooks(layer.data.get("webhooks"), base, credentials)


def _secret_file(text: str, base: Path, credentials: Path | None) -> str:
    given = credentials / text if credentials and "/" not in text else None
    return str(given if given and given.is_file() else base / text)


def _anchor_hooks(hooks: Any, base: Path, credentials: Path | None) -> None:
    """The secrets of webhooks stand in a list, which is one value to everything else here."""
    for hook in hooks if isinstance(hooks, list) else ():
        secret = hook.get("secret") if isinstance(hook, dict) else None
        if isinstance(secret, dict) and isinstance(secret.get("file"), str):
            secret["file"] = _secret_file(secret["file"], base, credentials)


def store_address(text: str, base: Path) -> str:
    """A store's address with its path absolute: `sqlite:FILE` and `sqlite:///./FILE` are relative to `base`.

    `sqlite:///var/lib/syncd.db` is absolute, as in any URL.
    """
    scheme, _, rest = text.partition(":")
    path = rest.removeprefix("///") if rest.startswith(("///./", "///../")) else rest
    if scheme != "sqlite" or not path or path.startswith("/"):
        return text
    return f"sqlite://{os.path.normpath(base / path)}"


def yield_to(stronger: Layer, weaker: Layer) -> None:
    """Take out of `weaker` what `stronger` refers to: two references are not merged into one."""
    for route in stronger.origins:
        holder: Any = weaker.data
        for step in route[:-1]:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and isinstance(holder.get(route[-1]), dict) and _refers(stronger, route):
            del holder[route[-1]]


def _refers(layer: Layer, route: Route) -> bool:
    value = _get(layer.data, route)
    return isinstance(value, dict) and set(value) <= {"env", "file"}


def leaves(data: Any, route: Route = ()) -> Iterable[Route]:
    """The routes of all values that are not tables."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from leaves(value, (*route, str(key)))
    elif route:
        yield route


def _route(words: list[str], below: Mapping[str, Any]) -> Route:
    route, here = [], below
    for word in words:
        step = next((key for key in here if key.lower().replace("-", "_") == word), word)
        route.append(step)
        inner = here.get(step)
        here = inner if isinstance(inner, dict) else {}
    return tuple(route)


def _from_variable(route: Route, name: str, text: str) -> Any:
    if _is_secret(route) or _has_password(route, text):
        return {"env": name}
    return _value(text)


def _value(text: str) -> Any:
    """A scalar as YAML reads it, lists and tables where the text begins like one, else the text itself."""
    node, problems = parse(text.encode(), "")
    if node is None or problems:
        return text
    if isinstance(node.content, dict | list) and text[:1] not in ("{", "["):
        return text
    return plain(node)


def _is_secret(route: Route) -> bool:
    return bool(route) and route[-1] in SECRETS and (len(route) > 1 or route[0] == "integrity_key")


def _has_password(route: Route, text: str) -> bool:
    return route == ("store",) and has_password(text)


def _near(word: str, known: Iterable[str]) -> bool:
    """Whether one letter is wrong, missing or too many, or two changed places."""
    return any(SequenceMatcher(None, word, each).ratio() > NEAR for each in known)


def _table(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def _get(data: Any, route: Route) -> Any:
    for step in route:
        data = data[step]
    return data


def _set(data: Any, route: Route, value: Any) -> None:
    _get(data, route[:-1])[route[-1]] = value
