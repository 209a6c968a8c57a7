"""What the API takes and gives, as its OpenAPI document says it. Texts are bounded and without controls."""

from datetime import date
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from syncd.web.problems import Told

_ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
OneLine: TypeAlias = Annotated[str, Field(min_length=1, max_length=320, pattern=_ONE_LINE)]
Words: TypeAlias = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Role: TypeAlias = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Locale: TypeAlias = Annotated[str, Field(max_length=35, pattern=r"^[A-Za-z0-9-]*$")]
People: TypeAlias = Annotated[list[OneLine], Field(min_length=1, max_length=100)]
MappingName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class Body(BaseModel):
    """A body says what it may say and nothing else."""

    model_config = ConfigDict(extra="forbid", strict=False)


class Attribute(Body):
    """An attribute of a profile, with everything that it is to hold; none takes it away."""

    name: OneLine
    values: Annotated[list[Words], Field(max_length=20)] = []


class Addition(Body):
    """People who have an account get a role in a unit."""

    unit: OneLine
    people: People
    role: Role = ""
    until: date | None = None
    reason: Words = ""


class RoleChange(Body):
    """Another role in place of the one held; `held` where the person holds several in the unit."""

    unit: OneLine
    person: OneLine
    to: OneLine
    held: Role = ""


class Removal(Body):
    """A role is taken away, in the unit and below."""

    unit: OneLine
    people: People
    role: Role = ""


class Reasoned(Body):
    """An account, and why."""

    person: OneLine
    reason: Words = ""


class Profile(Body):
    """An account and what is written into its profile; what is left out stays."""

    person: OneLine
    given_name: Words | None = None
    family_name: Words | None = None
    locale: Locale | None = None
    attributes: Annotated[list[Attribute], Field(max_length=20)] = []


class Deletion(Body):
    """An account, and who gets what it shared."""

    person: OneLine
    heir: Role = ""


class AccountOnly(Body):
    """An account."""

    person: OneLine


class Handover(Body):
    """The role with one holder goes to an heir."""

    unit: OneLine
    heir: OneLine


class Code(Body):
    """What the mail says to confirm with."""

    code: OneLine


class Invited(Body):
    """One person to be invited; an empty role is the model's default."""

    address: OneLine
    role: Role = ""
    given_name: Words = ""
    family_name: Words = ""
    locale: Locale = ""
    username: Words = ""
    attributes: Annotated[list[Attribute], Field(max_length=20)] = []


class Further(Body):
    """A unit and role that are given with an invitation."""

    unit: OneLine
    role: OneLine


class Sending(Body):
    """People to be invited into a unit."""

    unit: OneLine
    people: Annotated[list[Invited], Field(min_length=1, max_length=100)]
    further: Annotated[list[Further], Field(max_length=20)] = []


class Invitations(Body):
    """Invitations by address or id."""

    addresses: People
    reason: Words = ""


class Wish(Body):
    """The caller asks to join a unit."""

    unit: OneLine


class Answer(Body):
    """A request to join, and the role that is given."""

    unit: OneLine
    person: OneLine
    role: Role = ""


class LinkWish(Body):
    """A link to a role in a unit."""

    unit: OneLine
    role: Role = ""
    max_uses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class LinkId(Body):
    """A link by its id."""

    link: OneLine


class Outcome(BaseModel):
    """What became of an act, person by person. What is allowed is on record; a run makes it true."""

    verdicts: list[Told]


class LinkMade(Outcome):
    """A new link: token and address are shown this once."""

    token: str
    url: str


class MemberRow(BaseModel):
    """Somebody who holds, or waits for, a role."""

    unit: str
    role: str
    who: str
    full_name: str
    email: str
    state: str
    entry_date: date | None
    source: str


class RecordRow(BaseModel):
    """An invitation, a request to join or a link. Times are ISO 8601 in UTC."""

    id: str
    who: str
    unit: str
    role: str
    state: str
    begun: str
    expires: str
    by: str
    note: str


class HeldRow(BaseModel):
    """A membership and where it is written."""

    unit: str
    role: str
    place: str


class AccountBody(BaseModel):
    """An account with everything that its person holds where the caller sees it."""

    person: str
    who: str
    state: str
    authority: str
    holds: list[HeldRow]
