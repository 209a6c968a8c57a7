"""The length of passwords in Keycloak's policy text: taken from the mapping, never looser than the realm."""

from __future__ import annotations

import pytest

from syncd.targets.keycloak_password_policy import merged


@pytest.mark.parametrize(
    ("present", "bounds", "wanted"),
    [
        ("", (8, 32), "length(8) and maxLength(32)"),
        ("", (8, None), "length(8)"),
        ("length(6)", (8, 32), "length(8) and maxLength(32)"),
        ("length(12) and maxLength(24)", (8, 32), "length(12) and maxLength(24)"),
        ("length(12)", (8, None), "length(12)"),
        ("length", (6, None), "length(8)"),
        ("length(undefined)", (6, None), "length(8)"),
        ("maxLength(64)", (8, None), "length(8) and maxLength(64)"),
        ("maxLength(undefined)", (8, None), "length(8)"),
        (
            "digits(1) and length(4) and notUsername(undefined) and hashAlgorithm(argon2)",
            (8, 32),
            "length(8) and maxLength(32) and digits(1) and notUsername(undefined) and hashAlgorithm(argon2)",
        ),
        ("regexPattern(length(3))", (8, None), "length(8) and regexPattern(length(3))"),
    ],
)
def test_the_stricter_bound_holds_and_the_rest_stays(
    present: str, bounds: tuple[int, int | None], wanted: str
) -> None:
    assert merged(present, *bounds) == wanted
    assert merged(wanted, *bounds) == wanted


@pytest.mark.parametrize(("present", "bounds"), [("length(40)", (8, 32)), ("maxLength(6)", (8, None))])
def test_bounds_that_leave_no_password_are_an_error(present: str, bounds: tuple[int, int | None]) -> None:
    with pytest.raises(ValueError, match=r"at least \d+ and at most \d+"):
        merged(present, *bounds)
