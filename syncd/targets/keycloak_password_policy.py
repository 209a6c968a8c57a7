"""The length of passwords in Keycloak's policy text, `length(8) and maxLength(32) and …`; pure."""

from __future__ import annotations

import re

_LENGTH = re.compile(r"(length|maxLength)(?:\((\d*)\)|\([^)]*\))?")
SEPARATOR = " and "  # Keycloak's own parser splits here and nowhere else
UNSAID = 8  # what `length` means without a number


def merged(policy: str, shortest: int, longest: int | None) -> str:
    """The policy with these bounds where they are stricter than its own; the rest stays as it is.

    Raises ValueError where the two together allow no password at all.
    """
    kept = []
    for part in filter(None, policy.split(SEPARATOR)):
        bound = _LENGTH.fullmatch(part.strip())
        if bound is None:
            kept.append(part)
        elif bound[1] == "length":
            shortest = max(shortest, int(bound[2] or UNSAID))
        elif bound[2]:
            longest = min(int(bound[2]), longest or int(bound[2]))
    if longest is not None and longest < shortest:
        raise ValueError(f"passwords of at least {shortest} and at most {longest} characters")
    bounds = [f"length({shortest})", *([f"maxLength({longest})"] if longest is not None else [])]
    return SEPARATOR.join([*bounds, *kept])
