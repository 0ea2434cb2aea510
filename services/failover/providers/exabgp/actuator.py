"""The actuator of ExaBGP: it announces a site's prefix to its peers, or does not.

What ExaBGP was told lasts as long as it runs: after a restart it announces what its own
configuration has, and nothing that it was told before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.failover.acting.actuator import ActionError, Done, NotDone, Rehearsal, Request
from services.failover.policy.model import StepKind
from services.failover.providers.announcing import Announcing
from services.failover.providers.exabgp.words import SUMMARY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from services.failover.acting.earlier import Earlier
    from services.failover.policy.model import Site, Step
    from services.failover.providers.exabgp.client import ExaBgp
    from services.failover.providers.exabgp.words import Announcement, Standing

_ADVERTISED = {StepKind.ADVERTISE: True, StepKind.WITHDRAW: False}


class ExaBgpAnnouncer:
    """The `Announcer` of one site."""

    def __init__(self, site: Site, client: ExaBgp, announcement: Announcement) -> None:
        self._site = site
        self._client = client
        self._announcement = announcement

    async def preview(self, step: Step) -> list[Request]:
        """See `Actuator`: the command, and the pipe that it is written to."""
        standing = await self._standing(step)
        is_so = bool(standing.holding) is _ADVERTISED[step.kind]
        return [] if is_so else [self._client.writing(self._command(step))]

    async def rehearse(self, step: Step) -> Rehearsal:
        """See `Actuator`. ExaBGP cannot check a command; it has to answer, and have a session."""
        requests = await self.preview(step)
        if not requests:
            return Rehearsal([])
        peers = await self._client.sessions()
        if step.kind is StepKind.ADVERTISE and not peers:
            raise ActionError(f"ExaBGP has no session up to announce over ({self._pipe})")
        return Rehearsal(requests, self._client.writing(SUMMARY), list(peers))

    async def apply(self, step: Step, *, request_id: str) -> None:  # noqa: ARG002 - an Actuator's
        """See `Actuator`. ExaBGP knows no request ids: what is so already is not told again."""
        standing = await self._standing(step)
        if bool(standing.holding) is not _ADVERTISED[step.kind]:
            await self._client.tell(self._command(step))

    async def verify(self, step: Step) -> Done | NotDone:
        """See `Actuator`. What counts is ExaBGP's own Adj-RIB-Out, and sessions that are up."""
        standing = await self._standing(step)
        evidence = {"pipe": self._pipe, **_facts(standing)}
        prefix = self._announcement.prefix
        if not _ADVERTISED[step.kind]:
            if standing.holding:
                to = ", ".join(standing.holding)
                return NotDone(f"{prefix} is still announced to {to} by ExaBGP", evidence)
            return Done(evidence)
        if standing.announced_to:
            return Done(evidence)
        why = "no peer is told of it" if not standing.holding else "no BGP session is up"
        return NotDone(f"{prefix} is announced to nobody by ExaBGP, since {why}", evidence)

    async def pending(self, step: Step, earlier: Sequence[Earlier]) -> str | None:  # noqa: ARG002 - an Actuator's
        """See `Actuator`. Nothing, once it answers: commands are carried out in their order.

        What waits in the pipe of an ExaBGP that is stopped comes before the answer to any look.
        """
        await self._client.sessions()
        return None

    async def announcing(self) -> Announcing:
        """See `Announcer`."""
        try:
            standing = await self._client.standing(self._announcement.prefix)
        except ActionError as error:
            facts = {"error": str(error)}
            return Announcing({self._site: None}, str(error), {self._site.value: facts})
        known = {"pipe": self._pipe, **_facts(standing)}
        return Announcing({self._site: bool(standing.holding)}, "", {self._site.value: known})

    async def who_changed(self, site: Site, since: datetime) -> str:  # noqa: ARG002 - an Announcer's
        """See `Announcer`."""
        return "ExaBGP was told so by somebody else, or was restarted"

    @property
    def _pipe(self) -> str:
        return self._client.pipes.commands

    async def _standing(self, step: Step) -> Standing:
        if step.kind not in _ADVERTISED or step.site is not self._site:
            raise ActionError(
                f"the {self._site.value} site's ExaBGP has no part in {step.kind.value} "
                f"{step.site.value}"
            )
        return await self._client.standing(self._announcement.prefix)

    def _command(self, step: Step) -> str:
        it = self._announcement
        return it.announce() if step.kind is StepKind.ADVERTISE else it.withdraw()


def _facts(standing: Standing) -> Mapping[str, object]:
    return {"sessions": list(standing.established), "holding": list(standing.holding)}
