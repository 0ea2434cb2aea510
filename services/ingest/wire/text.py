"""Octets as people write them: addresses, route distinguishers, names that routers send."""

MAPPED_IPV4 = bytes(10) + b"\xff\xff"


def ipv4_text(octets: bytes) -> str:
    """Dotted quad of 4 octets."""
    return f"{octets[0]}.{octets[1]}.{octets[2]}.{octets[3]}"


def ipv6_text(octets: bytes) -> str:
    """RFC 5952 text of 16 octets, the same on every Python version."""
    if octets[:12] == MAPPED_IPV4:  # RFC 5952 5
        return "::ffff:" + ipv4_text(octets[12:])
    groups = [octets[i] << 8 | octets[i + 1] for i in range(0, 16, 2)]
    start, length = _longest_zero_run(groups)
    words = [f"{group:x}" for group in groups]
    if length < 2:  # RFC 5952 4.2.2: a single zero group is not shortened
        return ":".join(words)
    return ":".join(words[:start]) + "::" + ":".join(words[start + length :])


def _longest_zero_run(groups: list[int]) -> tuple[int, int]:
    best_start, best_length, length = 0, 0, 0
    for index, group in enumerate(groups):
        length = length + 1 if group == 0 else 0
        if length > best_length:
            best_start, best_length = index - length + 1, length
    return best_start, best_length


def address_text(octets: bytes) -> str:
    """Text of an address of 4 or 16 octets; hexadecimal where it has another size."""
    if len(octets) == 4:
        return ipv4_text(octets)
    if len(octets) == 16:
        return ipv6_text(octets)
    return octets.hex()


def route_distinguisher_text(octets: bytes) -> str:
    """`65000:1`, `192.0.2.1:7`: the three types of RFC 4364 4.2; hexadecimal for others."""
    kind = octets[0] << 8 | octets[1]
    if kind == 0:
        return f"{int.from_bytes(octets[2:4], 'big')}:{int.from_bytes(octets[4:8], 'big')}"
    number = int.from_bytes(octets[6:8], "big")
    if kind == 1:
        return f"{ipv4_text(octets[2:6])}:{number}"
    if kind == 2:
        return f"{int.from_bytes(octets[2:6], 'big')}:{number}"
    return octets.hex()


def free_text(octets: bytes) -> str:
    """A UTF-8 string TLV; octets that are no UTF-8 show as replacement characters."""
    return octets.decode("utf-8", "replace")
