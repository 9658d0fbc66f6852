"""POSTs to addresses that an admin has entered: never to this machine or its network, never followed elsewhere (ADR 134)."""

import ipaddress
import socket
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import urllib3
from django.conf import settings
from requests.utils import DEFAULT_CA_BUNDLE_PATH

CONNECT_SECONDS, READ_SECONDS = 5.0, 10.0
MOST_ANSWER = 64 * 1024  # bytes that are read of an answer; only its status counts
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

type _Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(Exception):  # noqa: N818 -- it says what became of the address
    """The address is not one that the portal may send to; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NotDelivered(Exception):  # noqa: N818 -- it says what became of the message
    """No answer came; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check_address(address: str) -> SplitResult:
    """The parts of an address that may be sent to, as far as can be said without a DNS lookup. Raises AddressRefused."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise AddressRefused("form") from None
    private = settings.WEBHOOKS_TO_PRIVATE_ADDRESSES
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise AddressRefused("https")
    if not parts.hostname or parts.username is not None or not parts.hostname.isascii() or not address.isprintable():
        raise AddressRefused("form")
    if port not in (None, 443) and not private:
        raise AddressRefused("port")
    return parts


def post(address: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send a JSON body, and return the status of the answer. Raises AddressRefused and NotDelivered.

    The name is resolved once, and the connection goes to the address that was checked; redirects are answers like others.
    """
    parts = check_address(address)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    place = _resolve(host, port)
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            place, port, timeout=timeout, cert_reqs="CERT_REQUIRED", ca_certs=DEFAULT_CA_BUNDLE_PATH,
            server_hostname=host, assert_hostname=host,
        )  # fmt: skip
    else:
        pool = urllib3.HTTPConnectionPool(place, port, timeout=timeout)
    sent = {"Host": parts.netloc, "Content-Type": "application/json", "User-Agent": "partner-portal", **headers}
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        answer = pool.urlopen(
            "POST", path, body=body, headers=sent, retries=False, redirect=False, preload_content=False, timeout=timeout
        )
        try:
            answer.read(MOST_ANSWER, decode_content=False)
        finally:
            answer.close()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise NotDelivered(type(error).__name__) from None  # its text may hold the address
    finally:
        pool.close()
    return int(answer.status)


def _resolve(host: str, port: int) -> str:
    """The first network address of a host, all of which must be public. Raises AddressRefused, NotDelivered."""
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise NotDelivered("name") from None
    if not settings.WEBHOOKS_TO_PRIVATE_ADDRESSES and not all(_is_public(ipaddress.ip_address(text)) for text in found):
        raise AddressRefused("private")
    return found[0]


def _is_public(address: _Address) -> bool:
    """Whether an address is one of the public internet, also where it holds another one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inner:
            return _is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved
