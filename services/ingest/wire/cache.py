"""A bounded cache whose hits cost one look-up."""

from services.ingest.wire.attributes import PathAttributes

MAX_OCTETS = 4_194_304
"""A decoded set takes some ten times its octets. Full tables stay below this by far."""


class AttributeCache:
    """Decoded sets by what they were decoded from: at most `limit`, of MAX_OCTETS together.

    Two generations stand in for exact least-recently-used order: when the young one is full it
    becomes the old one, and what is used again moves back. Nothing used within the last
    `limit // 2` distinct look-ups is ever dropped, unless their octets are too many.
    """

    __slots__ = ("_half", "_octets", "_old", "_young")

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._young: dict[object, PathAttributes] = {}
        self._old: dict[object, PathAttributes] = {}
        self._octets = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: object) -> PathAttributes | None:
        found = self._young.get(key)
        if found is None:
            found = self._old.pop(key, None)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: object, attributes: PathAttributes) -> None:
        if len(self._young) >= self._half or self._octets >= MAX_OCTETS // 2:
            self._old = self._young
            self._young = {}
            self._octets = 0
        self._young[key] = attributes
        self._octets += len(attributes.identity)
