"""Deciding one path: which of its claims holds, by which rule. Every decision names its rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from syncd.core.channel import CRM_ROLES, Policy
from syncd.core.claims import Claim
from syncd.core.model import Appointment, Value
from syncd.core.paths import Path
from syncd.core.rules import Decide, Rule
from syncd.core.state import ChannelName

ORGANIZER_FIELDS = frozenset({"when", "location", "online_meeting", "title", "recurrence"})
"""What only the organizer decides about an appointment that somebody outside organises."""

BORROWED_RULE = "built-in: the organizer outside decides time, place and title"
ONLY_CLAIM = "only claim"
AGREED = "agreed by all"
PERSON_RULE = "administrator"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one path.

    ``winner`` is ``None`` if the field stays open (``asked``) or nothing remained; ``claims`` all
    that were weighed, ``struck`` those that had no authority, with that rule's name.
    """

    path: Path
    winner: Claim | None
    value: Value
    rule: str
    claims: tuple[Claim, ...] = ()
    struck: tuple[Claim, ...] = ()
    struck_by: str = ""
    asked: bool = False

    @property
    def is_conflict(self) -> bool:
        """Whether claims contradicted each other."""
        return len({claim.value for claim in self.claims}) > 1


@dataclass(frozen=True, slots=True)
class Court:
    """What deciding goes by: the policy, and the appointment that ``where`` is judged on.

    ``borrowed``: the channels in which the organizer's invitation lives, if somebody outside
    organises the appointment.
    """

    policy: Policy
    judged: Appointment
    borrowed: frozenset[ChannelName] = frozenset()
    birth: bool = False
    on_behalf: Callable[[Path], Claim | None] = field(default=lambda _path: None)

    def decide(self, path: Path, claims: Sequence[Claim], *, asking: str = "") -> Decision:
        """The decision about ``path``: authority first, then the claims that are left.

        ``asking``: the rule by which the field is open already; it stays so while claims differ.
        """
        left, struck, struck_by = self._with_authority(path, claims)
        if any(claim.contested for claim in left):
            agreed = self.on_behalf(path)
            if agreed is not None:
                left = [*left, agreed]
        if not left:
            return Decision(path, None, None, struck_by, (), tuple(struck), struck_by)
        decided = self._among(path, left, asking)
        return Decision(
            path,
            decided.winner,
            decided.value,
            decided.rule,
            decided.claims,
            tuple(struck),
            struck_by,
            decided.asked,
        )

    def _with_authority(
        self, path: Path, claims: Sequence[Claim]
    ) -> tuple[list[Claim], list[Claim], str]:
        if self.birth and len({claim.channel for claim in claims}) < 2:
            return list(claims), [], ""
        allowed, name = self._authorities(path, claims)
        if allowed is None:
            return list(claims), [], ""
        left = [claim for claim in claims if claim.person or claim.channel in allowed]
        if self.birth and not left:
            return list(claims), [], ""
        return left, [claim for claim in claims if claim not in left], name

    def _authorities(
        self, path: Path, claims: Sequence[Claim]
    ) -> tuple[frozenset[ChannelName] | None, str]:
        if self.borrowed and path[-1] in ORGANIZER_FIELDS:
            return self.borrowed, BORROWED_RULE
        rule = self.policy.rules.authority(path, self.judged)
        if rule is None:
            return None, ""
        channels = self.policy.channels
        names = frozenset(
            claim.channel
            for claim in claims
            if claim.channel in channels
            and any(channels[claim.channel].named_by(name) for name in rule.authority)
        )
        return names, rule.name

    def _among(self, path: Path, claims: Sequence[Claim], asking: str) -> Decision:
        rule = self.policy.rules.decision(path, self.judged)
        values = {claim.value for claim in claims}
        if len(values) == 1:
            winner = self._first(claims, rule)
            name = winner_rule(claims, ONLY_CLAIM if len(claims) == 1 else AGREED)
            return Decision(path, winner, winner.value, name, tuple(claims))
        running, person = self._after_person(claims)
        if person is not None:
            return Decision(path, person, person.value, PERSON_RULE, tuple(claims))
        if asking or rule.decide is Decide.ASK:
            return Decision(path, None, None, asking or rule.name, tuple(claims), asked=True)
        if rule.decide is Decide.COMBINE:
            combined = combine([c.value for c in sorted(claims, key=self._order)])
            if combined is not None:
                first = self._first(claims, rule)
                return Decision(path, first, combined, rule.name, tuple(claims))
        if rule.decide is Decide.LATEST:
            running = [
                c for c in running if not any(c.span.certainly_before(o.span) for o in running)
            ]
        winner = self._first(running, rule)
        return Decision(path, winner, winner.value, rule.name, tuple(claims))

    def _after_person(self, claims: Sequence[Claim]) -> tuple[list[Claim], Claim | None]:
        """The edits certainly made after the administrator's; the latter's claim if none was."""
        persons = [claim for claim in claims if claim.person]
        if not persons:
            return list(claims), None
        latest = max(persons, key=lambda claim: claim.span.latest)
        later = [c for c in claims if not c.person and latest.span.certainly_before(c.span)]
        return later, None if later else latest

    def _first(self, claims: Sequence[Claim], rule: Rule) -> Claim:
        return min(claims, key=lambda claim: (self._rank(claim, rule), *self._order(claim)))

    def _rank(self, claim: Claim, rule: Rule) -> int:
        return -1 if claim.person else self.policy.rank(claim.channel, rule.ranking)

    def _order(self, claim: Claim) -> tuple[int, str]:
        channel = self.policy.channels.get(claim.channel)
        return (channel.order if channel is not None else len(self.policy.channels), claim.channel)


def winner_rule(claims: Sequence[Claim], otherwise: str) -> str:
    """What a value that nobody contradicts is decided by."""
    return PERSON_RULE if any(claim.person for claim in claims) else otherwise


def combine(values: Sequence[Value]) -> Value:
    """Texts one below the other, sets united; ``None`` if values of this kind do not combine."""
    if all(isinstance(value, str) for value in values):
        lines: list[str] = []
        for value in values:
            text = str(value)
            if text and text not in lines:
                lines.append(text)
        whole = [text for text in lines if not any(text != o and text in o for o in lines)]
        return "\n".join(whole)
    return None


def is_crm(policy: Policy, channel: ChannelName) -> bool:
    """Whether a channel is a CRM, where a record stands for the appointment itself."""
    found = policy.channels.get(channel)
    return found is not None and found.role in CRM_ROLES
