"""The public page in HTML: a few words and one form, no script, no picture, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING

from syncd.locale import LANGUAGES, mark, spoken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STYLE = (
    "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}label{display:block;margin-top:1rem}"
    "input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:1px solid #555}"
    "button{font:inherit;margin-top:1.5rem;padding:.6rem 1.4rem;background:#004a8f;color:#fff;border:0}"
    ".problem{border-left:.3rem solid #b00020;padding-left:1rem}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}"
    "input{color:inherit;background:#222}button{background:#7ab8ff;color:#111}}"
)
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

JOIN, CONFIRM, NOTED, CONFIRMED = "join", "confirm", "noted", "confirmed"
WORDS: Mapping[str, tuple[str, str]] = {
    JOIN: (
        mark("Join {unit}"),
        mark("You can become {role} of {unit}. You will get a mail by which you confirm your address."),
    ),
    CONFIRM: (
        mark("Join {unit}"),
        mark("Confirm that you want to become {role} of {unit}."),
    ),
    NOTED: (
        mark("Look into your mail"),
        mark("If this address may use the link, a mail is on its way to it. Open it to go on."),
    ),
    CONFIRMED: (mark("Confirmed"), mark("That is all. It takes effect in a moment.")),
    "invalid": (mark("This link is not valid"), mark("Copy it whole, or ask whoever gave it to you.")),
    "expired": (mark("This link has expired"), mark("Ask whoever gave it to you for a new one.")),
    "revoked": (mark("This link was switched off"), mark("Ask whoever gave it to you for a new one.")),
    "used up": (mark("This link was used already"), mark("Ask whoever gave it to you for a new one.")),
    "excluded": (
        mark("This address cannot be used here"),
        mark("Type a plain address such as name@example.org, of the organization that the link is for."),
    ),
    "incomplete": (mark("Something is missing"), mark("Fill in every field.")),
    "forged": (mark("Please try again"), mark("The form was too old, or your browser keeps no cookies.")),
    "busy": (mark("Please wait a moment"), mark("There were too many requests. Try again in a minute.")),
    "closed": (mark("Not now"), mark("Something is being mended. Try again in a few minutes.")),
}
"""Heading and sentence of every page, by what it is or why nothing was done."""
FIELDS = {
    "address": (mark("Your e-mail address"), "email", "email"),
    "given_name": (mark("Given name"), "text", "given-name"),
    "family_name": (mark("Family name"), "text", "family-name"),
}
SEND = {JOIN: mark("Send me the mail"), CONFIRM: mark("Confirm")}


def language_of(accepted: str) -> str:
    """The language of ours that Accept-Language (RFC 9110, section 12.5.4) wants most; English if none."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")[:20]):
        tag, _, rest = part.partition(";")
        weight = rest.strip().removeprefix("q=") if rest else "1"
        try:
            wanted.append((-float(weight), place, tag.strip().partition("-")[0].lower()))
        except ValueError:
            continue
    found = (tag for weight, _, tag in sorted(wanted) if tag in LANGUAGES and weight < 0)
    return next(found, "en")


def page(kind: str, language: str, words: Mapping[str, str], form: str = "", problem: str = "") -> str:
    """One page; `words` are `unit` and `role`, `problem` why the form comes back."""
    values = {"unit": words.get(f"unit.{language}", ""), "role": words.get(f"role.{language}", "")}
    heading, sentence = (escape(spoken(text, language).format_map(values)) for text in WORDS[kind])
    said = ""
    if problem:
        title, hint = (escape(spoken(text, language)) for text in WORDS[problem])
        said = f'<p class="problem" role="alert"><strong>{title}</strong><br>{hint}</p>'
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{heading}</title>'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<style>{STYLE}</style></head><body><main><h1>{heading}</h1>"
        f"<p>{sentence}</p>{said}{form}</main></body></html>"
    )


def form_of(kind: str, language: str, csrf: str, asks: Sequence[str], typed: Mapping[str, str]) -> str:
    """The form of a page; it goes back to where it came from."""
    inputs = [
        f'<label>{escape(spoken(label, language))}<input name="{name}" type="{type_}" maxlength="254" '
        f'autocomplete="{fill}" required value="{escape(typed.get(name, ""))}"></label>'
        for name, (label, type_, fill) in FIELDS.items()
        if name in asks
    ]
    return (
        f'<form method="post"><input type="hidden" name="csrf" value="{csrf}">{"".join(inputs)}'
        f"<button>{escape(spoken(SEND[kind], language))}</button></form>"
    )
