"""A bounded cache whose hits cost one look-up."""

from services.ingest.wire.attributes import PathAttributes


class AttributeCache:
    """Decoded sets by what they were decoded from; at most `limit` of them.

    Two generations stand in for exact least-recently-used order: when the young one is full it
    becomes the old one, and what is used again moves back. Nothing used within the last
    `limit // 2` distinct look-ups is ever dropped.
    """

    __slots__ = ("_half", "_old", "_young")

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._young: dict[object, PathAttributes] = {}
        self._old: dict[object, PathAttributes] = {}

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
        if len(self._young) >= self._half:
            self._old = self._young
            self._young = {}
        self._young[key] = attributes
