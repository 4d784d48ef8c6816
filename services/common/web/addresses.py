"""Which network addresses count as one client."""

from ipaddress import IPv6Address, IPv6Network, ip_address

PREFIX = 64
"""Of IPv6: so many bits are one customer's, who chooses the rest at will."""


def client_network(address: str) -> str:
    """What stands for a client in limits: an IPv4 address, the /64 of an IPv6 one, and any other text as it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), PREFIX), strict=False))
