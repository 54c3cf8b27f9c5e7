from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from 86.121.97.248.", "86.121.97.248"),
        ("http://169.53.232.11:8787/", "169.53.232.11"),
        ("ssh root@169.53.232.11", "169.53.232.11"),
        ("the DNS server 8.8.8.8 is", "8.8.8.8"),
        ("8.8.4.4/32", "8.8.4.4"),
        ("IP주소가 1.2.3.4", "1.2.3.4"),
    ],
)
def test_ipv4(finds: Callable[..., list[str]], text: str, found: str) -> None:
    assert finds("ipv4", text) == [found]


@pytest.mark.parametrize(
    "text",
    [
        "version 1.2.3.4",
        "v10.20.30.40",
        "Chrome/120.45.67.89",
        "package-1.2.3.4",
        "GIT 1.4.2.1",
        "35.1.3.2 right_join()",
        "1.0.34.1",
        "OID 1.3.6.1.4.1.311",
        "86.121.97.248.1",
        "256.121.97.248",
        "86.121.97.248x",
        "10.121.217.200 and 192.168.178.45 and 127.0.0.1",
        "192.0.2.77 and 198.51.100.77",
        "224.121.97.248",
    ],
)
def test_no_public_ipv4(finds: Callable[..., list[str]], text: str) -> None:
    assert finds("ipv4", text) == []


def test_private_addresses_on_demand(finds: Callable[..., list[str]]) -> None:
    text = "10.121.217.200, 203.0.113.77"
    assert finds("ipv4", text, public_ips_only=False) == ["10.121.217.200"]
    assert finds("ipv4", text, public_ips_only=False, skip_reserved=False) == ["10.121.217.200", "203.0.113.77"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("at 6e40:4041:c617:e898:c11:40d2:c669:2eb4 blocked", "6e40:4041:c617:e898:c11:40d2:c669:2eb4"),
        ("[2a00:1450:4001:81b::200e]:80", "2a00:1450:4001:81b::200e"),
        ("2607:f8b0::1.", "2607:f8b0::1"),
    ],
)
def test_ipv6(finds: Callable[..., list[str]], text: str, found: str) -> None:
    assert finds("ipv6", text) == [found]


@pytest.mark.parametrize(
    "text",
    ["std::vector dead::beef abc::def", "12:34:56", "06:28:dd:28:1e:e9", "2001:db8::1", "fe80::1", "::1", "a::b"],
)
def test_no_public_ipv6(finds: Callable[..., list[str]], text: str) -> None:
    assert finds("ipv6", text) == []
