"""Rosters over HTTP: a JSON list of objects or a CSV body, read whole or refused."""

from __future__ import annotations

import hashlib
import json
import ssl
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from syncd.errors import Place, Problem
from syncd.roster import Roster, Row
from syncd.sources.csv import CsvFormat, key_faults, parse_csv

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPResponse

LARGEST = 64 << 20


class _NoRedirect(HTTPRedirectHandler):
    """A redirect could carry the credentials to another host: the file must name the right address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class HttpServer:
    """A server that has rosters: its address, the headers that log in, whom it is trusted by.

    `ca` is a file of certificates, empty for those of this machine; `timeout` is in seconds for each
    network step.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    ca: str = ""
    timeout: float = 30

    def at(self, path: str) -> str:
        """The address of something on this server, never of another one."""
        return f"{self.url.rstrip('/')}/{path.lstrip('/')}"


def read_http(name: str, server: HttpServer, path: str, form: CsvFormat) -> Roster:
    """Read one roster. A body of type `text/csv` is read like a file with `form`, anything else as JSON."""
    url = server.at(path)
    place = Place(url)
    if urlsplit(url).scheme not in ("http", "https"):
        return _failed(name, place, "is not an http or https address", "correct the connection's url")
    try:
        content, kind = _fetch(url, server)
    except HTTPError as error:
        with error:
            return _failed(
                name, place, f"answers {error.code} {error.reason}", "check path, login and redirects"
            )
    except (URLError, HTTPException, OSError) as error:
        return _failed(name, place, f"cannot be read: {error}", "check address, network and certificate")
    if len(content) > LARGEST:
        return _failed(name, place, f"sends more than {LARGEST >> 20} MiB", "narrow the query in the path")
    return parse_csv(name, content, form, url) if kind == "text/csv" else parse_json(name, content, form, url)


def parse_json(name: str, content: bytes, form: CsvFormat, url: str) -> Roster:
    """Turn a JSON list of flat objects into a roster; the place of a row is its number in the list."""
    place = Place(url)
    try:
        document = json.loads(content, parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:
        return _failed(name, place, f"is not JSON: {error}", "is it the right path?")
    if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
        return _failed(
            name, place, "is not a list of objects", "the roster must be a JSON array of flat objects"
        )
    problems: list[Problem] = []
    rows = tuple(_row(number, item, url, problems) for number, item in enumerate(document, 1))
    columns = tuple(sorted({column for row in rows for column in row.values}))
    if rows:
        problems += _missing(columns, form, place)
    if form.key:
        problems += [Problem(row.place, "", message) for row, message in key_faults(rows, form.key)]
    return Roster(name, columns, rows, hashlib.sha256(content).hexdigest(), place, tuple(problems))


def _fetch(url: str, server: HttpServer) -> tuple[bytes, str]:
    request = Request(url, headers={"Accept": "application/json, text/csv", **server.headers})  # noqa: S310  scheme is checked
    trust = HTTPSHandler(context=ssl.create_default_context(cafile=server.ca or None))
    response: HTTPResponse
    with build_opener(_NoRedirect, trust).open(request, timeout=server.timeout) as response:
        return response.read(LARGEST + 1), response.headers.get_content_type()


def _row(number: int, item: Mapping[str, Any], url: str, problems: list[Problem]) -> Row:
    place, values = Place(url, number), dict[str, tuple[str, ...]]()
    for column, value in item.items():
        parts = value if isinstance(value, list) else [value]
        if any(isinstance(part, (dict, list)) for part in parts):
            problems.append(
                Problem(place, "", f'object {number}: "{column}" is not a text or a list of texts')
            )
            continue
        values[column] = tuple(text for part in parts if (text := _text(part)))
    return Row(number, values, place)


def _text(value: Any) -> str:
    """A JSON scalar as an administrator would write it in YAML; null is nothing."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _missing(columns: tuple[str, ...], form: CsvFormat, place: Place) -> list[Problem]:
    expected = form.columns | form.dates | ({form.key} if form.key else set())
    hint = "the names are " + ", ".join(columns)
    return [
        Problem(place, "", f'no object has "{column}"', hint)
        for column in sorted(expected.difference(columns))
    ]


def _failed(name: str, place: Place, message: str, hint: str) -> Roster:
    return Roster(name, (), (), "", place, (Problem(place, "", message, hint),))
