"""Settings of the failover service, checked alone and together, with all faults said at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from services.failover.announcing_settings import AnnouncingSettings
from services.failover.policy.decide import Limits
from services.failover.policy.model import Site
from services.failover.together import (
    a_cron,
    a_prefix,
    a_region,
    a_zone,
    an_address,
    an_origin,
    broken,
    comma_addresses,
    comma_probes,
    comma_windows,
    some_text,
)
from shared.settings import DatabaseSettings, LogSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

Name = Annotated[str, Field(min_length=1), AfterValidator(some_text)]
Region = Annotated[str, AfterValidator(a_region)]
Prefix = Annotated[str, AfterValidator(a_prefix)]
Address = Annotated[str, AfterValidator(an_address)]
Origin = Annotated[str, AfterValidator(an_origin)]
Addresses = Annotated[str, AfterValidator(comma_addresses)]
Probes = Annotated[str, AfterValidator(comma_probes)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
LogId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,512}$")]
Priority = Annotated[int, Field(ge=1, le=499_999)]


class FailoverSettings(AnnouncingSettings, DatabaseSettings, LogSettings):
    """The two sites, how they are watched, and how careful to be."""

    # ---- the sites at GCP
    gcp_project: Name
    """Where the backend services are."""
    bgp_peer_project: Name | None = None
    """Where the Cloud Routers are; None: in `gcp_project`."""
    local_gcp_region: Region
    remote_gcp_region: Region
    local_bgp_region: Region | None = None
    local_bgp_router: Name | None = None
    remote_bgp_region: Region | None = None
    remote_bgp_router: Name | None = None
    primary_prefix: Prefix
    """What the local site's router announces."""
    secondary_prefix: Prefix | None = None
    """What the remote site's announces; None: the same."""
    google_application_credentials: Path | None = None
    """A service account's key; None: what the machine has (metadata server)."""
    failover_gcp_url: Origin = "https://compute.googleapis.com"
    # ---- Cloudflare Magic Transit
    cloudflare_account_id: Name
    cloudflare_api_token: SecretStr | None = None
    cloudflare_api_token_file: Path | None = None
    """A file with the token in it, in place of `cloudflare_api_token`."""
    cloudflare_primary_priority: Priority = 100
    """Of the routes to the site that is preferred: the lower value wins."""
    cloudflare_secondary_priority: Priority = 200
    description_substring: Name
    """Routes whose description has it are ours."""
    primary_internal_ip: Address
    """The next hop of the routes to the local site."""
    secondary_internal_ip: Address
    failover_expected_routes: int | None = Field(default=None, ge=1)
    failover_max_routes: int = Field(default=50, ge=1, le=10_000)
    failover_cloudflare_url: Origin = "https://api.cloudflare.com"
    # ---- calls
    check_interval_seconds: Seconds = 30.0
    max_retries: int = Field(default=2, ge=0, le=10)
    """After the first attempt."""
    initial_backoff_seconds: Seconds = 1.0
    max_backoff_seconds: Seconds = 5.0
    failover_call_seconds: Seconds = 5.0
    """How long one request may take."""
    circuit_breaker_threshold: int = Field(default=5, ge=1, le=1_000)
    circuit_breaker_timeout_seconds: Seconds = 60.0
    # ---- what is watched
    failover_routes_url: Origin = "http://127.0.0.1:8082"
    failover_local_peers: Addresses
    """BGP peers, as BMP reports them, whose routes come from the local site."""
    failover_remote_peers: Addresses
    failover_local_probes: Probes = ""
    failover_remote_probes: Probes = ""
    failover_observer_seconds: Seconds = 25.0
    """How long an observer may take for one look."""
    failover_rise: int = Field(default=3, ge=1, le=100)
    failover_fall: int = Field(default=3, ge=1, le=100)
    failover_quorum: int | None = Field(default=None, ge=1, le=100)
    """Observers that must agree; None: more than half."""
    failover_max_age_seconds: Seconds = 120.0
    """How long what was seen last counts."""
    failover_min_healthy_fraction: float = Field(default=0.5, gt=0, le=1)
    """Of a service's backends in a site's region, for it to be well; of a site's services all."""
    # ---- what is done
    failover_failback: Literal["manual", "auto"] = "manual"
    failover_withdraw: bool = True
    """Whether the old site stops announcing; else only the preference moves."""
    failover_hold_down_seconds: float = Field(default=60.0, ge=0, le=86_400)
    failover_failback_hold_down_seconds: float = Field(default=900.0, ge=0, le=604_800)
    failover_min_interval_seconds: float = Field(default=600.0, ge=0, le=604_800)
    failover_max_flips: int = Field(default=3, ge=1, le=100)
    failover_flip_window_seconds: float = Field(default=14_400.0, gt=0, le=604_800)
    failover_warm_up_cycles: int = Field(default=3, ge=0, le=100)
    failover_step_seconds: Seconds = 120.0
    """How long a step at a provider may take until its effect is there."""
    failover_confirm_seconds: Seconds = 180.0
    """How long BMP may take to show it."""
    failover_lease_seconds: Seconds = 90.0
    # ---- practice runs
    failover_practice_cron: Annotated[str, AfterValidator(a_cron)] = ""
    """When they come, as in a crontab; empty: never."""
    failover_practice_timezone: Annotated[str, AfterValidator(a_zone)] = "UTC"
    """Of that, and of the times below."""
    failover_practice_mode: Literal["dry", "real"] = "dry"
    """Of those that come by themselves: whether the traffic moves."""
    failover_practice_seconds: Seconds = 1_800.0
    """How long the traffic stays at the other site."""
    failover_practice_blocked: Annotated[str, AfterValidator(comma_windows)] = ""
    """When there is none."""
    # ---- the service itself
    failover_http_host: str = "127.0.0.1"
    failover_http_port: int = Field(default=8083, ge=0, le=65535)
    failover_gateway_ips: str = "127.0.0.1,::1"
    enable_gcp_logging: bool = False
    """Whether Google Cloud Logging is told what is decided and done."""
    failover_gcp_log_id: LogId = "bgpilot-failover"
    failover_gcp_log_queue: int = Field(default=1_000, ge=200, le=100_000)
    """Entries that wait at most to be sent."""
    log_file: Path | None = None
    log_max_bytes: int = Field(default=10_000_000, ge=1_000)
    log_backup_count: int = Field(default=5, ge=0, le=1_000)

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401 - whatever pydantic hands in
        """One wrong variable does not hide that two others do not go together."""
        whole: Self | None = None
        faults: list[InitErrorDetails] = []
        try:
            whole = handler(data)
            values: Mapping[str, object] = dict(whole)
        except ValidationError as error:
            faults = [
                _fault(fault["loc"], fault["msg"].removeprefix("Value error, "), fault["type"])
                for fault in error.errors(include_url=False, include_input=False)
            ]
            wrong = {str(fault["loc"][0]) for fault in faults if fault.get("loc")}
            values = cls._usable(data, wrong)
        faults += [_fault((variable,), said, "together") for variable, said in broken(values)]
        if faults or whole is None:
            raise ValidationError.from_exception_data(cls.__name__, faults, hide_input=True)
        return whole

    @classmethod
    def _usable(cls, data: Mapping[str, object], wrong: set[str]) -> dict[str, object]:
        """The values of the fields that are not wrong by themselves."""
        values = {}
        for name, field in cls.model_fields.items():
            if name not in wrong:
                kind: Any = Annotated[field.annotation, field]
                given = data.get(name, field.get_default())
                values[name] = TypeAdapter(kind).validate_python(given)
        return values

    @property
    def limits(self) -> Limits:
        """How careful the policy is."""
        return Limits(
            hold_down=timedelta(seconds=self.failover_hold_down_seconds),
            failback=self.failover_failback,
            failback_hold_down=timedelta(seconds=self.failover_failback_hold_down_seconds),
            min_interval=timedelta(seconds=self.failover_min_interval_seconds),
            max_flips=self.failover_max_flips,
            flip_window=timedelta(seconds=self.failover_flip_window_seconds),
            max_posture_age=timedelta(seconds=2 * self.check_interval_seconds),
            warm_up_cycles=self.failover_warm_up_cycles,
            withdraws=self.failover_withdraw,
        )

    @property
    def router_project(self) -> str:
        """Where the Cloud Routers are."""
        return self.bgp_peer_project or self.gcp_project

    @property
    def prefixes(self) -> dict[Site, str]:
        """What each site announces."""
        return {
            Site.LOCAL: self.primary_prefix,
            Site.REMOTE: self.secondary_prefix or self.primary_prefix,
        }

    @property
    def peers(self) -> dict[Site, list[str]]:
        """Whose routes come from each site."""
        return {
            Site.LOCAL: self.failover_local_peers.split(","),
            Site.REMOTE: self.failover_remote_peers.split(","),
        }

    @property
    def probes(self) -> dict[Site, list[str]]:
        """The URLs that are probed for each site."""
        return {
            Site.LOCAL: [url for url in self.failover_local_probes.split(",") if url],
            Site.REMOTE: [url for url in self.failover_remote_probes.split(",") if url],
        }

    def cloudflare_token(self) -> SecretStr:
        """The token, read anew where it is in a file, so that it can be changed there."""
        if self.cloudflare_api_token is not None:
            return self.cloudflare_api_token
        assert self.cloudflare_api_token_file is not None  # noqa: S101 - one is set: `broken`
        return SecretStr(self.cloudflare_api_token_file.read_text(encoding="utf-8").strip())


def _fault(variable: tuple[int | str, ...], said: str, kind: str) -> InitErrorDetails:
    # The sentence is a value, since a brace in it would be one of the template's.
    error = PydanticCustomError(kind, "{said}", {"said": said})
    return InitErrorDetails(type=error, loc=variable, input=None)
