"""The public page: whoever has a link types an address here. Two routes, and one note in the store.

GET changes nothing, so that scanners of mail may open links. POST needs the form that GET gave to the same
browser. This process opens the store and no other server, and holds the keys of none.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse
from starlette.routing import Route

from syncd import membership_redemptions
from syncd.acts import Link
from syncd.app.people import new_id
from syncd.app.setup import integrity_key
from syncd.errors import SyncdError
from syncd.membership_redemptions import Wish
from syncd.store import open_store
from syncd.web import pages
from syncd.web.rates import Turnstile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from syncd.acts import Redemption
    from syncd.settings import Settings
    from syncd.store import Store

COOKIE = "syncd_form"
LONGEST_BODY = 4096
LONGEST_TOKEN = 64
STATUS = {
    "": 200,
    "excluded": 422,
    "incomplete": 422,
    "invalid": 404,
    "forged": 403,
    "busy": 429,
    "closed": 503,
}
GONE = 410
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{pages.STYLE_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
}

log = structlog.get_logger("syncd.web")


def make(settings: Settings, turnstile: Turnstile | None = None) -> Starlette:
    """The application over a store; raises what `integrity_key` and the store's address raise."""
    counter = Counter(settings, turnstile or Turnstile())
    return Starlette(
        routes=[
            Route("/join/{token}", counter.show, methods=["GET"]),
            Route("/join/{token}", counter.take, methods=["POST"]),
        ],
        exception_handlers={404: counter.nothing, 405: counter.nothing, Exception: counter.fault},
    )


class Counter:
    """Where strangers come to."""

    def __init__(self, settings: Settings, turnstile: Turnstile) -> None:
        self._store_url = settings.store_url().get_secret_value()
        self._key = integrity_key(settings)
        self._form_key = hmac.digest(self._key, b"forms of the public page", "sha256")
        self._origin = _origin(settings.public_url or "")
        self._turnstile = turnstile

    # --- the two routes -------------------------------------------------------------------------------

    def show(self, request: Request) -> HTMLResponse:
        """The form behind a link, or why there is none."""
        if not self._lets(request):
            return self._end(request, "busy")
        try:
            with self._store() as store:
                found, stands = self._behind(store, request, _now())
        except SyncdError as error:
            return self._closed(request, error)
        if found is None or stands != "open":
            return self._end(request, stands)
        return self._form(request, found)

    async def take(self, request: Request) -> HTMLResponse:
        """Note down what the form says."""
        if not self._lets(request):
            return self._end(request, "busy")
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_BODY:
                return self._end(request, "forged")
        return await run_in_threadpool(self._take, request, body)

    def _take(self, request: Request, body: bytes) -> HTMLResponse:
        typed = _fields(body)
        if not self._is_ours(request, typed.get("csrf", "")):
            return self._end(request, "forged")
        now = _now()
        try:
            with self._store() as store:
                found, stands = self._behind(store, request, now)
                if found is None or stands != "open":
                    return self._end(request, stands)
                if isinstance(found, Link):
                    return self._redeem(store, request, found, typed, now)
                refused = membership_redemptions.confirm(store, _token(request), now)
                return self._end(request, refused or pages.CONFIRMED)
        except SyncdError as error:
            return self._closed(request, error)

    def _redeem(
        self, store: Store, request: Request, link: Link, typed: Mapping[str, str], now: datetime
    ) -> HTMLResponse:
        """The same answer for every address that the link is for, whoever has it."""
        asked = {name: typed.get(name, "") for name in link.asks if name in pages.FIELDS}
        wish = Wish(typed.get("address", ""), locale=_language(request), **asked)
        refused = membership_redemptions.redeem(store, _token(request), wish, now=now, new_id=new_id)
        if refused in ("excluded", "incomplete"):
            return self._form(request, link, typed, refused)
        return self._end(request, refused or pages.NOTED)

    # --- answers --------------------------------------------------------------------------------------

    def _form(
        self,
        request: Request,
        found: Link | Redemption,
        typed: Mapping[str, str] | None = None,
        problem: str = "",
    ) -> HTMLResponse:
        link = found if isinstance(found, Link) else None
        kind = pages.JOIN if link else pages.CONFIRM
        words, asks = found.words, ("address", *link.asks) if link else ()
        nonce = request.cookies.get(COOKIE, "")
        if len(nonce) != len(secrets.token_urlsafe()):
            nonce = secrets.token_urlsafe()
        language = _language(request)
        form = pages.form_of(kind, language, self._seal(nonce, _token(request)), asks, typed or {})
        answer = _html(pages.page(kind, language, words, form, problem), STATUS[problem], language)
        answer.set_cookie(
            COOKIE, nonce, path="/join", httponly=True, samesite="strict",
            secure=self._origin.startswith("https:"),
        )  # fmt: skip
        return answer

    def _end(self, request: Request, kind: str) -> HTMLResponse:
        """A page without a form."""
        language = _language(request)
        done = kind in (pages.NOTED, pages.CONFIRMED)
        answer = _html(pages.page(kind, language, {}), 200 if done else STATUS.get(kind, GONE), language)
        if kind in ("busy", "closed"):
            answer.headers["Retry-After"] = "60"
        return answer

    def _closed(self, request: Request, error: SyncdError) -> HTMLResponse:
        log.error("not now", problem=error.in_one_line)
        return self._end(request, "closed")

    def nothing(self, request: Request, _error: Exception) -> HTMLResponse:
        """There is nothing else here."""
        return self._end(request, "invalid")

    def fault(self, request: Request, error: Exception) -> HTMLResponse:
        """Ours; the path, which holds a token, stays out of the log."""
        log.error("fault", kind=type(error).__name__)
        return self._end(request, "closed")

    # --- what is trusted ------------------------------------------------------------------------------

    def _lets(self, request: Request) -> bool:
        return self._turnstile.lets(request.client.host if request.client else "")

    def _store(self) -> Store:
        return open_store(self._store_url, self._key)

    def _behind(self, store: Store, request: Request, now: datetime) -> tuple[Link | Redemption | None, str]:
        """Tokens are found by their hash: how long that takes tells nothing of how much was right."""
        return membership_redemptions.behind(store, _token(request), now)

    def _seal(self, nonce: str, token: str) -> str:
        return hmac.new(self._form_key, f"{nonce} {token}".encode(), hashlib.sha256).hexdigest()

    def _is_ours(self, request: Request, csrf: str) -> bool:
        """Whether the form is one that this browser was given for this link, and sent from our own page."""
        nonce, origin = request.cookies.get(COOKIE, ""), request.headers.get("origin", "")
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        if origin and origin != self._origin:
            return False
        expected = self._seal(nonce, _token(request))
        return bool(nonce) and hmac.compare_digest(expected.encode(), csrf.encode())


def _html(text: str, status: int, language: str) -> HTMLResponse:
    return HTMLResponse(text, status, {**HEADERS, "Content-Language": language})


def _token(request: Request) -> str:
    text: str = request.path_params.get("token", "")
    return text if len(text) <= LONGEST_TOKEN else ""


def _language(request: Request) -> str:
    return pages.language_of(request.headers.get("accept-language", ""))


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form, each once and in one line; a body that is none has none."""
    try:
        found = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=10, errors="strict")
    except ValueError:
        return {}
    return {
        name: "".join(sign if sign.isprintable() else " " for sign in value).strip()[:254]
        for name, value in found
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _now() -> datetime:
    return datetime.now(UTC)
