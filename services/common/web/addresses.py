"""Which network addresses count as one client."""

from ipaddress import IPv6Address, IPv6Network, ip_address

PREFIX = 64
"""The prefix length of one IPv6 customer, who controls the remaining bits."""


def client_network(address: str) -> str:
    """The key of a client in limits: an IPv4 address, the /64 of an IPv6 address, or any other text unchanged."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), PREFIX), strict=False))
