"""The small values of a mapping: text lists, dates, durations, percentages, titles, free values.

Scalars arrive as `Scalar` where YAML 1.2 would make them something else than text, so that the
source text is at hand wherever text is expected (`2024`, `0123` stay as written) and the typed value
wherever a number or a truth is.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_DURATION_DAYS = 36_600


class Scalar(str):
    """A plain scalar whose source text YAML resolves to a number or a truth; `resolved` is that value."""

    __slots__ = ("resolved",)
    resolved: Any

    def __new__(cls, text: str, resolved: Any) -> Self:
        """Keep the text as it was written, beside what it means."""
        self = super().__new__(cls, text)
        self.resolved = resolved
        return self


def refuse(message: str, hint: str = "") -> PydanticCustomError:
    """A refusal in words of ours; `hint` is what to do about it."""
    return PydanticCustomError("syncd", "{message}", {"message": message, "hint": hint})


def free_value(value: Any) -> Any:
    """The value that YAML means, at any depth, where the key has no fixed type."""
    if isinstance(value, Scalar):
        return value.resolved
    if isinstance(value, dict):
        return {str(key): free_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [free_value(inner) for inner in value]
    return value


def _typed(value: Any) -> Any:
    return value.resolved if isinstance(value, Scalar) else value


def _truth(value: Any) -> Any:
    typed = _typed(value)
    if isinstance(typed, bool):
        return typed
    hint = "write true or false" if isinstance(value, str) else ""
    raise refuse(f"expected true or false, not {shown(value)}", hint)


def _whole(value: Any) -> Any:
    typed = _typed(value)
    if isinstance(typed, int) and not isinstance(typed, bool) and typed >= 0:
        return typed
    raise refuse(f"expected a whole number, 0 or more, not {shown(value)}")


def shown(value: Any) -> str:
    """The value as a message calls it."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, list):
        return "a list"
    return f'"{value}"'


def _text(value: Any) -> Any:
    if isinstance(value, Scalar):
        return str.__str__(value)
    if isinstance(value, str):
        return value
    raise refuse(f"expected text, not {shown(value)}")


def _one_or_more(value: Any) -> Any:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple):
        return value
    raise refuse(f"expected text or a list of texts, not {shown(value)}")


def _titles(value: Any) -> Any:
    if isinstance(value, str):
        return {"": value}
    if isinstance(value, dict) and value:
        return value
    raise refuse("expected text, or one text for each language", 'for example {en: "…", fr: "…"}')


_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def parse_date(value: Any) -> date:
    """The day that `value` names as YYYY-MM-DD."""
    if isinstance(value, date):
        return value
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise refuse(f"expected a date, not {shown(value)}", "write it as YYYY-MM-DD")
    try:
        return date(*(int(part) for part in match.groups()))
    except ValueError:
        raise refuse(f'there is no day "{value}"', "look at the calendar") from None


@dataclass(frozen=True, slots=True)
class Duration:
    """An ISO 8601 duration: calendar years and months, then days, then seconds."""

    years: int = 0
    months: int = 0
    days: int = 0
    seconds: int = 0

    def after(self, start: datetime) -> datetime:
        """The moment this long after `start`; the day is cut to the end of a shorter month."""
        months = start.month - 1 + self.months + 12 * self.years
        year, month = start.year + months // 12, months % 12 + 1
        day = min(start.day, monthrange(year, month)[1])
        moved = start.replace(year=year, month=month, day=day)
        return moved + timedelta(days=self.days, seconds=self.seconds)

    def last_day(self, start: date) -> date:
        """The day this long after the day `start`."""
        return self.after(datetime(start.year, start.month, start.day)).date()  # noqa: DTZ001  a calendar day has no zone

    def __str__(self) -> str:
        parts = [(self.years, "Y"), (self.months, "M"), (self.days, "D")]
        days = "".join(f"{number}{unit}" for number, unit in parts if number)
        time = f"T{self.seconds}S" if self.seconds else ""
        return f"P{days}{time}" if days or time else "P0D"


_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?",
)


def parse_duration(value: Any) -> Duration:
    """The duration that `value` names, such as P1Y, P10D or PT12H (ISO 8601-1:2019, 5.5.2.2)."""
    if isinstance(value, Duration):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match or not any(match.groups()):
        raise refuse(f"expected a duration, not {shown(value)}", "for example P10D, P1Y or PT12H")
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    duration = Duration(years, months, days + 7 * weeks, seconds + 60 * minutes + 3600 * hours)
    if 366 * years + 31 * months + duration.days + duration.seconds / 86_400 > MAX_DURATION_DAYS:
        raise refuse(f'"{value}" is longer than a hundred years')
    return duration


def _duration_or_required(value: Any) -> Any:
    return value if value == "required" else parse_duration(value)


_PERCENT = re.compile(r"(\d{1,3})%")


def parse_percent(value: Any) -> int:
    """The whole number before the % sign, 0 to 100."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if not match or int(match[1]) > 100:  # noqa: PLR2004  a hundred per cent
        raise refuse(f"expected a percentage, not {shown(value)}", 'for example "10%"')
    return int(match[1])


# Editors see 2024 and true where syncd takes the source text, so text is more than a string to them.
AS_TEXT = {"type": ["string", "number", "boolean"]}
Text: TypeAlias = Annotated[str, BeforeValidator(_text), WithJsonSchema(AS_TEXT)]
Flag: TypeAlias = Annotated[bool, BeforeValidator(_truth)]
Number: TypeAlias = Annotated[int, BeforeValidator(_whole), WithJsonSchema({"type": "integer", "minimum": 0})]
TextList: TypeAlias = Annotated[
    tuple[Text, ...],
    BeforeValidator(_one_or_more),
    WithJsonSchema({"anyOf": [AS_TEXT, {"type": "array", "items": AS_TEXT}]}),
]
Title: TypeAlias = Annotated[
    dict[str, Text],
    BeforeValidator(_titles),
    WithJsonSchema({"type": ["string", "number", "object"], "additionalProperties": {"type": "string"}}),
]
Day: TypeAlias = Annotated[
    date, PlainValidator(parse_date), WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"})
]
Span: TypeAlias = Annotated[
    Duration,
    PlainValidator(parse_duration),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^P(\d+[YMWD])*(T(\d+[HMS])+)?$"}),
]
SpanOrRequired: TypeAlias = Annotated[
    Duration | str,
    PlainValidator(_duration_or_required),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(required|P(\d+[YMWD])*(T(\d+[HMS])+)?)$"}),
]
Percent: TypeAlias = Annotated[
    int, PlainValidator(parse_percent), WithJsonSchema({"type": "string", "pattern": r"^\d{1,3}%$"})
]
Free: TypeAlias = Annotated[Any, BeforeValidator(free_value)]
