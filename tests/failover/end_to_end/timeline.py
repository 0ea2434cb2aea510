"""What happened, in one list: what the controllers wrote down, and what the upstream said."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.failover.policy.model import Site
    from tests.failover.end_to_end.edge import Sight
    from tests.failover.end_to_end.store import Store

_DECISIONS = "SELECT at, rule, sentence FROM failover.decision WHERE at >= $1"
_STEPS = """
SELECT s.*, p.begun_at AS plan_begun_at FROM failover.plan_step AS s
  JOIN failover.plan AS p USING (plan_id) WHERE p.begun_at >= $1 AND s.begun_at IS NOT NULL
"""
_PLANS = "SELECT * FROM failover.plan WHERE begun_at >= $1 AND ended_at IS NOT NULL"


class Timeline:
    """Since its making. What the test does is noted by the test."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._notes: list[tuple[datetime, str]] = []
        self.began = datetime.now(UTC)

    def note(self, what: str) -> None:
        self._notes.append((datetime.now(UTC), f"test      {what}"))

    def text(self, sights: list[Sight], sites: Mapping[str, Site]) -> str:
        """A line for each event, with seconds since the first."""
        entries = sorted(
            [
                *self._notes,
                *self._written(),
                *self._heard(sites),
                *(
                    (datetime.fromtimestamp(sight.at, UTC), f"upstream  {_shown(sight)}")
                    for sight in sights
                ),
            ],
            key=lambda entry: entry[0],
        )
        since = [entry for entry in entries if entry[0] >= self.began]
        first = since[0][0] if since else self.began
        return "\n".join(f"{(at - first).total_seconds():8.3f} s  {what}" for at, what in since)

    def _written(self) -> Iterator[tuple[datetime, str]]:
        for one in self._store.rows(_DECISIONS, self.began):
            yield one["at"], f"decision  {one['rule']}: {one['sentence']}"
        for step in self._store.rows(_STEPS, self.began):
            named = f"{step['kind']} {step['site']}" + (" (undo)" if step["is_undo"] else "")
            yield step["begun_at"], f"step      {named} begun"
            if step["ended_at"] is not None:
                why = f": {step['detail']}" if step["detail"] else ""
                yield step["ended_at"], f"step      {named} {step['state']}{why}"
        for plan in self._store.rows(_PLANS, self.began):
            took = plan["convergence_s"]
            after = f", {took:.2f} s after its first request" if took is not None else ""
            yield plan["ended_at"], f"plan      {plan['state']}: {plan['detail']}{after}"

    def _heard(self, sites: Mapping[str, Site]) -> Iterator[tuple[datetime, str]]:
        for one in self._store.heard():
            verb = "announced by" if one.announced else "withdrawn by"
            yield one.time, f"BMP       {verb} the {sites[one.peer].value} site ({one.rib})"


def _shown(sight: Sight) -> str:
    names = sorted(site.value for site in sight.sources)
    return f"has the prefix from {' and '.join(names) or 'nowhere'}"
