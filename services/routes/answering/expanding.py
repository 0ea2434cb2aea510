"""What operators' files add to path attributes: names of ASes, and what communities mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.routes.answering.attributes import json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from services.routes.enrichment.enrichment import Enrichment

_COMMUNITIES = ("communities", "large_communities", "ext_communities")


def expanded(
    expand: Sequence[str], enrichment: Enrichment
) -> Callable[[dict[str, Any]], str] | None:
    """Renders attributes with what is to be added; None where nothing is."""
    if "asn_names" not in expand and "communities" not in expand:
        return None

    def render(body: dict[str, Any]) -> str:
        if "asn_names" in expand:
            body["as_names"] = _known(_asns(body["as_path"]), enrichment.as_name)
        if "communities" in expand:
            said = (one for name in _COMMUNITIES for one in body[name])
            body["community_texts"] = _known(said, enrichment.community_text)
        return json_text(body)

    return render


def _asns(path: list[Any]) -> Iterator[int]:
    for hop in path:
        if isinstance(hop, list):
            yield from hop
        else:
            yield hop


def _known(words: Iterator[Any], look_up: Callable[[Any], str | None]) -> dict[str, str]:
    return {str(word): text for word in words if (text := look_up(word)) is not None}
