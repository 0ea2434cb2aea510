"""What of GCP's answers is read, and how it has to look. Pure."""

from __future__ import annotations

from services.failover.providers.shapes import Fields, Shape

_ADVERTISED: dict[str, Shape] = {
    "advertiseMode": str,
    "advertisedGroups": [str],
    "advertisedIpRanges": [Fields({"range": str, "description": str}, needs=("range",))],
}
ROUTER = Fields(
    {
        "bgp": Fields(_ADVERTISED),
        "bgpPeers": [
            Fields(
                {"name": str, "enable": str, "managementType": str, **_ADVERTISED}, needs=("name",)
            )
        ],
    }
)
PREVIEW = Fields({"resource": ROUTER}, needs=("resource",))
STATUS = Fields(
    {
        "result": Fields(
            {
                "bgpPeerStatus": [
                    Fields(
                        {
                            "name": str,
                            "status": str,
                            "state": str,
                            "uptimeSeconds": (str, int),
                            "numLearnedRoutes": (int, str),
                            "depreferenced": bool,
                            "advertisedRoutes": [Fields({"destRange": str}, needs=("destRange",))],
                        },
                        needs=("name",),
                    )
                ]
            }
        )
    },
    needs=("result",),
)
_BACKEND = Fields(
    {"group": str, "capacityScaler": (float, int), "failover": bool}, needs=("group",)
)
SERVICES = Fields(
    {
        "items": [Fields({"name": str, "backends": [_BACKEND]}, needs=("name",))],
        "nextPageToken": str,
        "warning": Fields({"code": str}),
    }
)
HEALTH = Fields(
    {
        "healthStatus": [
            Fields(
                {
                    "instance": str,
                    "ipAddress": str,
                    "port": int,
                    "forwardingRule": str,
                    "healthState": str,
                    "ipv6HealthState": str,
                }
            )
        ]
    }
)
OPERATION = Fields(
    {
        "name": str,
        "status": str,
        "error": Fields({"errors": [Fields({"code": str, "message": str})]}),
        "httpErrorStatusCode": int,
        "httpErrorMessage": str,
        "user": str,
        "clientOperationId": str,
        "insertTime": str,
        "targetLink": str,
    },
    needs=("name", "status"),
)
OPERATIONS = Fields({"items": [OPERATION], "nextPageToken": str})
