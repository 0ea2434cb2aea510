"""What the numbers in BMP and BGP messages mean, in the words of the RFCs that give them out.

A number without a name here shows as itself: `reason 9`, `experimental 65531`.
"""

TERMINATION_REASONS = {  # RFC 7854 4.5
    0: "administratively closed",
    1: "unspecified reason",
    2: "out of resources",
    3: "redundant connection",
    4: "permanently administratively closed",
}

PEER_DOWN_REASONS = {  # RFC 7854 4.9, RFC 9069 5.3
    1: "local system closed, NOTIFICATION sent",
    2: "local system closed, no NOTIFICATION",
    3: "remote system closed, NOTIFICATION received",
    4: "remote system closed, no NOTIFICATION",
    5: "peer de-configured",
    6: "local system closed, TLV data follows",
}

_FSM_EVENTS = (  # RFC 4271 8.1; 0 is RFC 7854 4.9's own
    "no relevant event",
    "ManualStart",
    "ManualStop",
    "AutomaticStart",
    "ManualStart_with_PassiveTcpEstablishment",
    "AutomaticStart_with_PassiveTcpEstablishment",
    "AutomaticStart_with_DampPeerOscillations",
    "AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment",
    "AutomaticStop",
    "ConnectRetryTimer_Expires",
    "HoldTimer_Expires",
    "KeepaliveTimer_Expires",
    "DelayOpenTimer_Expires",
    "IdleHoldTimer_Expires",
    "TcpConnection_Valid",
    "Tcp_CR_Invalid",
    "Tcp_CR_Acked",
    "TcpConnectionConfirmed",
    "TcpConnectionFails",
    "BGPOpen",
    "BGPOpen with DelayOpenTimer running",
    "BGPHeaderErr",
    "BGPOpenMsgErr",
    "OpenCollisionDump",
    "NotifMsgVerErr",
    "NotifMsg",
    "KeepAliveMsg",
    "UpdateMsg",
    "UpdateMsgErr",
)

INITIATION_TLVS = {0: "string", 1: "sysDescr", 2: "sysName"}  # RFC 9736 4
PEER_UP_TLVS = {0: "string", 3: "VRF/table name", 4: "admin label"}  # RFC 9736 3.3
TERMINATION_TLVS = {0: "string", 1: "reason"}  # RFC 7854 4.5
MIRRORING_TLVS = {0: "BGP message", 1: "information"}  # RFC 7854 4.7
MIRRORING_INFORMATION = {0: "errored PDU", 1: "messages lost"}  # RFC 7854 4.7

BGP_MESSAGES = {  # RFC 4271 4.1, RFC 2918 3
    1: "open",
    2: "update",
    3: "notification",
    4: "keepalive",
    5: "route-refresh",
}

REFRESH_SUBTYPES = {  # RFC 7313 3.2
    0: "normal route refresh",
    1: "beginning of route refresh",
    2: "end of route refresh",
}

NOTIFICATION_CODES = {  # RFC 4271 4.5, RFC 7313 5, RFC 9687 4
    1: "Message Header Error",
    2: "OPEN Message Error",
    3: "UPDATE Message Error",
    4: "Hold Timer Expired",
    5: "Finite State Machine Error",
    6: "Cease",
    7: "ROUTE-REFRESH Message Error",
    8: "Send Hold Timer Expired",
}

_NOTIFICATION_SUBCODES = {
    (1, 1): "Connection Not Synchronized",  # RFC 4271 4.5
    (1, 2): "Bad Message Length",
    (1, 3): "Bad Message Type",
    (2, 1): "Unsupported Version Number",
    (2, 2): "Bad Peer AS",
    (2, 3): "Bad BGP Identifier",
    (2, 4): "Unsupported Optional Parameter",
    (2, 5): "Authentication Failure",
    (2, 6): "Unacceptable Hold Time",
    (2, 7): "Unsupported Capability",  # RFC 5492 5
    (2, 11): "Role Mismatch",  # RFC 9234 4.2
    (3, 1): "Malformed Attribute List",
    (3, 2): "Unrecognized Well-known Attribute",
    (3, 3): "Missing Well-known Attribute",
    (3, 4): "Attribute Flags Error",
    (3, 5): "Attribute Length Error",
    (3, 6): "Invalid ORIGIN Attribute",
    (3, 7): "AS Routing Loop",
    (3, 8): "Invalid NEXT_HOP Attribute",
    (3, 9): "Optional Attribute Error",
    (3, 10): "Invalid Network Field",
    (3, 11): "Malformed AS_PATH",
    (5, 1): "Receive Unexpected Message in OpenSent State",  # RFC 6608 3
    (5, 2): "Receive Unexpected Message in OpenConfirm State",
    (5, 3): "Receive Unexpected Message in Established State",
    (6, 1): "Maximum Number of Prefixes Reached",  # RFC 4486 3
    (6, 2): "Administrative Shutdown",
    (6, 3): "Peer De-configured",
    (6, 4): "Administrative Reset",
    (6, 5): "Connection Rejected",
    (6, 6): "Other Configuration Change",
    (6, 7): "Connection Collision Resolution",
    (6, 8): "Out of Resources",
    (6, 9): "Hard Reset",  # RFC 8538 3
    (6, 10): "BFD Down",  # RFC 9384 3
    (7, 1): "Invalid Message Length",  # RFC 7313 5
}


def tlv_name(names: dict[int, str], kind: int) -> str:
    """The name of a TLV type out of one of the tables above; `type 7` where it has none."""
    return names.get(kind) or _unnamed("type", kind)


def mirroring_information_name(code: int) -> str:
    """`errored PDU`, `messages lost` (RFC 7854 4.7)."""
    return MIRRORING_INFORMATION.get(code) or _unnamed("code", code)


def fsm_event_name(event: int) -> str:
    """The FSM event of a Peer Down of reason 2 (RFC 4271 8.1)."""
    return _FSM_EVENTS[event] if event < len(_FSM_EVENTS) else f"event {event}"


def notification_code_name(code: int) -> str:
    """`Cease`, `Hold Timer Expired`, ...; `code 99` where no RFC has it."""
    return NOTIFICATION_CODES.get(code) or f"code {code}"


def notification_subcode_name(code: int, subcode: int) -> str | None:
    """`Administrative Shutdown`, ...; None for a subcode of 0 without a name: unspecific."""
    name = _NOTIFICATION_SUBCODES.get((code, subcode))
    return name or (f"subcode {subcode}" if subcode else None)


def _unnamed(word: str, number: int) -> str:
    """RFC 9515 and RFC 7854 10 keep 65531 to 65534 for experiments."""
    return f"experimental {number}" if 65531 <= number <= 65534 else f"{word} {number}"
