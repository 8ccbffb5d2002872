"""Where keys and issuers may be: encrypted, or on this host."""

from __future__ import annotations

from urllib.parse import urlsplit

_THIS_HOST = frozenset({"localhost", "127.0.0.1", "::1"})


def mistake_in(url: str) -> str:
    """Return what is wrong with a URL, to stand after its option; empty if nothing is."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "is no URL"
    if not host or parts.username or parts.password or parts.scheme not in {"http", "https"}:
        return "must be like https://host/path, without a name or password"
    if parts.scheme == "http" and host not in _THIS_HOST:
        return "must begin with https://: an attacker who can change what is read there gets in"
    return ""


def is_url(text: str) -> bool:
    """Return whether a place is a URL, and not a file."""
    return "://" in text
