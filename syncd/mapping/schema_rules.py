"""The model of a mapping: roles, constraints, who may do what, invitations and the other rules.

`schema` gives these names on; read that module first.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from syncd.mapping.values import (
    AS_TEXT,
    Duration,
    Flag,
    Free,
    Number,
    Span,
    SpanOrRequired,
    Text,
    TextList,
    Title,
    refuse,
)

Unknown: TypeAlias = Literal["wait", "create", "invite"]
Act: TypeAlias = Literal[
    "invite",
    "resend",
    "cancel",
    "create",
    "add",
    "change",
    "disable",
    "enable",
    "remove",
    "edit",
    "delete",
    "approve",
    "refuse",
    "transfer",
]


class Model(BaseModel):
    """A part of the format: immutable, nothing but its own keys, each by its name in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)


class Cardinality(Model):
    """How many may hold a role in one unit."""

    min: Number = 0
    max: Number | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "Cardinality":
        if self.max is not None and self.max < self.min:
            raise refuse(f"max {self.max} is less than min {self.min}")
        return self


class AttachesTo(Model):
    """Kinds whose units a unit of this kind may be attached to; `one_kind`: all of one kind."""

    kinds: TextList
    one_kind: Flag = False


class RoleModel(Model):
    """A role; no `scope` is every kind. `privileged` left out is decided by what administration allows it."""

    scope: TextList = ()
    inherits: TextList = ()
    permissions: TextList = ()
    cardinality: Cardinality = Field(default_factory=Cardinality)
    unknown: Unknown | None = None
    expires: SpanOrRequired | None = None
    privileged: Flag | None = None
    seat: Literal["free", "paid"] = "free"
    external: Flag = False
    creator: Flag = False
    assignable: Flag = True
    assigned_by: Literal["any", "file", "transfer"] = "any"
    title: Title = Field(default_factory=dict)
    formerly: TextList = ()


RolesOrAll: TypeAlias = Annotated[
    Annotated[Literal["all"], Tag("§all")] | Annotated[TextList, Tag("§roles")],
    Discriminator(lambda value: "§all" if isinstance(value, str) else "§roles"),
    WithJsonSchema({"anyOf": [{"const": "all"}, {"type": "array", "items": AS_TEXT}]}),
]
CONSTRAINTS = ("exclusive", "separation", "prerequisite", "cardinality")


class Constraint(Model):
    """One rule on the resulting state: exactly one of exclusive, separation, prerequisite, cardinality."""

    exclusive: RolesOrAll | None = None
    separation: TextList | None = None
    prerequisite: dict[str, Text] | None = None
    cardinality: dict[str, Cardinality] | None = None
    n: Number = 2
    per: Text = "unit"

    @model_validator(mode="after")
    def _one_rule(self) -> "Constraint":
        if len([name for name in CONSTRAINTS if getattr(self, name) is not None]) != 1:
            raise refuse(f"a constraint has exactly one of {', '.join(CONSTRAINTS)}")
        return self

    @property
    def rule(self) -> str:
        """Which rule it is."""
        return next(name for name in CONSTRAINTS if getattr(self, name) is not None)


class If(Model):
    """When a row of administration counts."""

    authority: Literal["local", "ldap", "idp", "file"] | None = None
    setting: Text | None = None
    for_: tuple[Act, ...] = Field(default=(), alias="for")
    domains: TextList = ()
    until: Span | None = None


class AdministrationRow(Model):
    """Holders of `by` may do `may` to holders of `target`, or change `from` to `to`, within `scope`."""

    by: Text
    may: tuple[Act, ...]
    target: TextList = ()
    from_: TextList = Field(default=(), alias="from")
    to: TextList = ()
    scope: Text = "same"
    if_: If | None = Field(default=None, alias="if")
    self_: Flag = Field(default=False, alias="self")


class Channel(Model):
    """One way of inviting, by e-mail or by link."""

    valid_for: Span | None = None
    ask: TextList = ()
    batch: Flag = False
    binds: TextList = ()
    ask_invitee: TextList = ()
    verify_email: Flag = False
    revocable: Flag = True
    domains: TextList = ()
    max_uses: Number | None = None
    approval: Flag = False


class Channels(Model):
    """The ways of inviting that are open."""

    email: Channel | None = None
    link: Channel | None = None


class PasswordLength(Model):
    """Shortest and longest password of an invitee."""

    min: Number = 8
    max: Number | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "PasswordLength":
        if self.max is not None and self.max < self.min:
            raise refuse(f"max {self.max} is less than min {self.min}")
        return self


class Invitee(Model):
    """What an invitee fills in."""

    sets: TextList = ()
    password: PasswordLength | None = None


class OverQuota(Model):
    """The role that is given where no paid seat is left."""

    downgrade_to: Text


class Resend(Model):
    """When an invitation may go out again, and whether earlier links must die."""

    when: tuple[Literal["pending", "expired"], ...] = ("pending", "expired")
    voids_previous: Flag = False


class Notify(Model):
    """Who hears of what became of an invitation."""

    inviter: tuple[Literal["accepted", "expired", "declined", "cancelled", "failed"], ...] = ()


class InvitationLimits(Model):
    """How many invitations a day."""

    per_unit_per_day: Number | None = None
    per_person_per_day: Number | None = None


class Invitations(Model):
    """What to do about people whom Keycloak does not know, and how they are invited."""

    unknown: Unknown = "wait"
    channels: Channels = Field(default_factory=Channels)
    activation: Literal["action_link", "self_reset", "idp"] = "action_link"
    actions: TextList = ("UPDATE_PASSWORD", "UPDATE_PROFILE", "VERIFY_EMAIL")
    client: Text | None = None
    redirect: Text | None = None
    grant_at: Literal["acceptance", "creation"] = "acceptance"
    invitee: Invitee = Field(default_factory=Invitee)
    locale: Text = "person"
    default_role: Text | None = None
    domains: TextList = ()
    existing_account: Literal["attach", "error"] = "attach"
    forbidden_role: Literal["skip", "fail"] = "skip"
    seats: dict[str, Number] = Field(default_factory=dict)
    over_quota: OverQuota | None = None
    resend: Resend = Field(default_factory=Resend)
    reminders: tuple[Span, ...] = ()
    notify: Notify = Field(default_factory=Notify)
    limits: InvitationLimits = Field(default_factory=InvitationLimits)


class Joining(Model):
    """How people who registered themselves are let in."""

    from_: Literal["self_registration"] = Field(default="self_registration", alias="from")
    approvers: Text
    notify: Literal["email", "none"] = "email"
    role: Text = "chosen_by_approver"
    refused: Literal["keep_account", "delete_account"] = "keep_account"
    lapse: Span | None = None


class SharedData(Model):
    """Who gets what a removed person shared with others."""

    to: Literal["actor", "team"] = "actor"
    or_chosen: Text | None = None


class RemovalData(Model):
    """What applications are told to do with the data of a removed person."""

    personal: Literal["delete", "keep"] = "delete"
    shared: SharedData | None = None


class Removal(Model):
    """What a removal takes: the membership or the account, and when."""

    what: Literal["membership", "account"] = "membership"
    requires_state: Literal["disabled"] | None = None
    grace: Span = Duration()
    last: Literal["keep", "disable", "delete"] = "keep"
    data: RemovalData | None = None


class Transfer(Model):
    """How a role that has one holder goes to another."""

    role: Text
    confirm_by: Literal["current_owner", "heir", "nobody"] = "current_owner"
    valid_for: Span | None = None
    heir_state: Literal["pending", "active", "disabled"] = "active"
    former_becomes: Text | None = None


Column: TypeAlias = Literal["member_id", "full_name", "email", "role", "entry_date", "state", "unit"]


class Export(Model):
    """The columns of a list of members."""

    format: Literal["csv"] = "csv"
    columns: tuple[Column, ...] = ("member_id", "full_name", "email", "role", "entry_date", "state", "unit")


class Guests(Model):
    """Whether guests are let in, and what happens to them where they no longer are."""

    default: Flag = True
    when_disabled: Literal["block_new", "suspend"] = "block_new"


class Seats(Model):
    """What happens where there are more holders than paid seats."""

    overflow: Literal["refuse", "disable_newest"] = "refuse"


def _guests(value: Any) -> Any:
    return value if isinstance(value, dict | Guests) else {"default": value}


class Settings(Model):
    """Free values, some well known; a unit's own hold for it and all below."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Free] = Field(init=False)

    plan: Text | None = None
    language: Text | None = None
    timezone: Text | None = None
    guests: (
        Annotated[Guests, BeforeValidator(_guests), WithJsonSchema({"type": ["boolean", "object"]})] | None
    ) = None
    seats: Seats | None = None
    authentication: Free = None


class Variant(Model):
    """Where the settings are as `if` says, the model has these values at these dotted paths."""

    if_: dict[str, Free] = Field(alias="if")
    set: dict[str, Any]
