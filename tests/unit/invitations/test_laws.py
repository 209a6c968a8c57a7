"""The laws of invitations, over histories with crashes, faults, strangers, administrators and time.

What must never happen is asserted in the world where it would happen; here is what must be in the end.
"""

from __future__ import annotations

import os
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from syncd import invitations
from syncd.invitations import Invitee, Rules
from tests.unit.invitations.build import ADDRESS, ALL_NOTICES, DAY, HOUR, MINUTE, NOW, S
from tests.unit.invitations.world import Account, Answer, World

# a number asks for a long search with new chance; without one it is short and always the same
EXAMPLES = int(os.environ.get("SYNCD_LAW_EXAMPLES", "0"))
SPANS = [
    timedelta(),
    timedelta(seconds=1),
    timedelta(seconds=20),
    MINUTE,
    3 * MINUTE,
    6 * MINUTE,
    HOUR,
    5 * HOUR,
    DAY,
    3 * DAY,
    11 * DAY,
]
OPEN = {S.REQUESTED, S.SENDING, S.SENT, S.FAILED}

all_rules = st.builds(
    Rules,
    valid_for=st.sampled_from([None, 2 * DAY, 10 * DAY]),
    activation=st.sampled_from(["action_link", "action_link", "self_reset", "idp"]),
    grant_at=st.sampled_from(["acceptance", "creation"]),
    resend_when=st.sampled_from([frozenset({"pending", "expired"}), frozenset({"expired"})]),
    voids_previous=st.booleans(),
    reminders=st.sampled_from([(), (DAY,), (3 * DAY, DAY)]),
    notify=st.sampled_from([frozenset(), ALL_NOTICES]),
)


class Histories(RuleBasedStateMachine):
    """One invitation and everything that may befall it."""

    world: World
    resends: int

    @initialize(
        rules=all_rules,
        offset=st.floats(-1.9, 1.9),
        is_declared=st.booleans(),
        is_known=st.sampled_from([False, False, False, True]),
    )
    def begin(self, rules: Rules, offset: float, is_declared: bool, is_known: bool) -> None:
        invitee = Invitee("p_ann", ADDRESS, "u_1", "member")
        if is_declared:
            record = invitations.declared("i_1", "acme", invitee, NOW)
        else:
            record = invitations.asked("i_1", "acme", invitee, "p_inviter", NOW)
        self.world = World(rules, record, offset=timedelta(seconds=offset))
        self.resends = 0
        if is_known:
            self.world.account = Account("b1", syncd=False, pending=False, credential=True)

    @rule(
        crash_at=st.sampled_from([None, None, *range(1, 15)]),
        answers=st.lists(st.sampled_from(Answer), max_size=2),
        refusals=st.sampled_from([0, 0, 0, 1]),
    )
    def run(self, crash_at: int | None, answers: list[Answer], refusals: int) -> None:
        self.world.answers, self.world.refusals = answers, refusals
        self.world.run_into(crash_at)

    @rule(span=st.sampled_from(SPANS))
    def time_goes_by(self, span: timedelta) -> None:
        self.world.now += span

    @rule()
    def the_invitee_follows_a_link(self) -> None:
        self.world.follow()

    @precondition(lambda self: self.world.mails)
    @rule()
    def the_invitee_declines(self) -> None:
        self.world.end(invitations.decline)

    @rule()
    def nobody_wants_it_any_more(self) -> None:
        self.world.wanted = False

    @rule()
    def an_operator_sends_it_again(self) -> None:
        self.resends += self.world.resend()

    @rule()
    def an_operator_cancels_it(self) -> None:
        self.world.end(invitations.cancel)

    @precondition(lambda self: self.world.account)
    @rule()
    def an_administrator_deletes_the_account(self) -> None:
        self.world.account, self.world.gone_by_hand = None, True

    @precondition(lambda self: self.world.account)
    @rule(enabled=st.booleans())
    def an_administrator_disables_or_enables_the_account(self, enabled: bool) -> None:
        assert self.world.account
        self.world.account.enabled = enabled

    @precondition(lambda self: self.world.account)
    @rule()
    def an_administrator_gives_the_account_more(self) -> None:
        assert self.world.account
        self.world.account.edge = True

    @precondition(lambda self: self.world.account is None)
    @rule()
    def the_person_registers_by_themselves(self) -> None:
        self.world.account = Account("b2", syncd=False, pending=False, credential=True)
        self.world.gone_by_hand = True

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.heal()
            self.check_the_end()
            self.check_the_mails()
            self.check_the_notices()

    def check_the_end(self) -> None:
        """Wanted: out, or accepted, or somebody can read why not. Unwanted: ended, and its links are dead."""
        world, state = self.world, self.world.record.state
        account = world.account
        is_over = not world.wanted or state in (S.CANCELLED, S.DECLINED)
        if account and account.id == world.record.account and state not in OPEN:
            assert not account.words or world.rules.activation == "self_reset", "facts were left behind"
        if is_over and state is not S.ACCEPTED:
            assert state in (S.CANCELLED, S.DECLINED)
            assert not world.record.made_account
            if account and account.syncd and world.rules.activation != "idp":
                assert account.foreign, "an account that nobody uses was left behind"
        elif state in (S.SENT, S.EXPIRED):
            assert world.since_request >= 1, "no mail at all"
        elif state is not S.ACCEPTED:
            is_disabled = account is not None and not account.enabled
            assert is_disabled or (state is S.FAILED and world.gone_by_hand and world.record.reason)

    def check_the_mails(self) -> None:
        """No more mails than were asked for, but for those that Keycloak's own death made twice."""
        world = self.world
        mails = [mail for mail in world.mails if mail.kind != "reminder"]
        assert len(mails) <= 1 + self.resends + world.windows
        if not self.resends and not world.windows:
            lifetime = world.rules.lifetime or timedelta.max
            assert all(two.at - one.at >= lifetime for one, two in pairwise(mails))

    def check_the_notices(self) -> None:
        """Each notice once for each request, none for what a file declares."""
        world = self.world
        assert len(world.notices) <= 2 * (1 + self.resends)
        ends = {"accepted", "declined", "cancelled"} & set(world.notices)
        if world.record.declared or not world.rules.notify:
            assert world.notices == []
        elif world.record.state not in OPEN:
            assert ends == {str(world.record.state)} - {"expired"}


TestHistories: Any = Histories.TestCase
TestHistories.settings = settings(
    max_examples=EXAMPLES or 150,
    stateful_step_count=25,
    deadline=None,
    derandomize=not EXAMPLES,
    database=None,
    suppress_health_check=list(HealthCheck),
)
