"""What an NLRI field holds once it is split."""

from typing import TYPE_CHECKING, final

from services.ingest.wire.native import mypyc_attr

if TYPE_CHECKING:
    from services.ingest.wire.attributes import PathAttributes


@final
@mypyc_attr(acyclic=True)
class NlriSet:
    """NLRI of one family that share a fate.

    `nlri` holds the key of each route, `path_ids` one number for each, None where the view has
    no ADD-PATH. `details` holds for each what its NLRI says beside the key, None where the NLRI
    of the family are nothing but key (the package's docstring says what is what). `attributes`
    are those an announced set has; None where withdrawn. `tidy` is False where spare bits were
    set, which few routers do and a field that is misread does often.
    """

    __slots__ = ("attributes", "details", "family", "nlri", "path_ids", "tidy")

    def __init__(
        self,
        family: int,
        nlri: list[bytes],
        path_ids: list[int] | None = None,
        details: list[bytes] | None = None,
        tidy: bool = True,
    ) -> None:
        self.family = family
        self.nlri = nlri
        self.path_ids = path_ids
        self.details = details
        self.tidy = tidy
        self.attributes: PathAttributes | None = None
