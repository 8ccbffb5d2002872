"""Listening sockets: made by the daemon, or handed over by systemd; knows no protocol.

A UNIX socket gets its mode and owner before any client can connect, and takes the place of
one that no process listens on any more; never that of another one, or of anything else.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import resource
import socket
import ssl
import stat
from pathlib import Path

from ualauth.config.listen import ListenSettings
from ualauth.errors import ConfigurationError

_BACKLOG = 1024
"""Clients that may wait to be accepted; the system has a limit of its own (net.core.somaxconn)."""


_MOST_FILES = 65_536
"""As `LimitNOFILE` of the unit for systemd."""


class SocketUnavailable(ConfigurationError):
    """A socket cannot be listened on."""


def allow_many_connections() -> None:
    """Let this process, and those that it forks, have as many files open as the system lets it.

    The usual limit of 1,024 is for programs that call select(2), which is not called here.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def uid_of(name: str) -> int:
    """Return the uid of a user by name or number; `ConfigurationError` if there is none."""
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise ConfigurationError(f"this host has no user {name[:64]!r}") from None


def gid_of(name: str) -> int:
    """Return the gid of a group by name or number; `ConfigurationError` if there is none."""
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigurationError(f"this host has no group {name[:64]!r}") from None


def listening(listen: ListenSettings) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigurationError: if it cannot be, with the reason.

    """
    try:
        return _at_path(listen) if listen.path else _at_address(listen)
    except OSError as error:
        cause = error.strerror or str(error)
        raise SocketUnavailable(f"[[listen]] {listen.place}: {cause}") from error


def _at_address(listen: ListenSettings) -> socket.socket:
    host, port = listen.host_and_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _at_path(listen: ListenSettings) -> socket.socket:
    path = Path(listen.path)
    _check_free(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(listen.path)
        try:
            # No client can connect before it listens.
            _give_rights(path, listen)
            listener.listen(_BACKLOG)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except BaseException:
        listener.close()
        raise
    return listener


def _check_free(path: Path) -> None:
    """Raise `SocketUnavailable` if something is in the way, or a process listens there."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise SocketUnavailable(f"[[listen]] {path}: there is something else; remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            pass
        except OSError:
            # No process listens.
            return
    raise SocketUnavailable(f"[[listen]] {path}: another process listens there; end it first")


def file_of(listen: ListenSettings) -> tuple[int, int] | None:
    """Return which file the path of a UNIX socket is, `None` if there is none."""
    try:
        status = os.lstat(listen.path) if listen.path else None
    except OSError:
        return None
    return None if status is None else (status.st_dev, status.st_ino)


def remove(listener: socket.socket, listen: ListenSettings, file: tuple[int, int] | None) -> None:
    """Close a socket, and remove its path, if that is the `file` yet that it was.

    As long as the socket is open, no other file can have its number.
    """
    if file is not None and file_of(listen) == file:
        with contextlib.suppress(OSError):
            Path(listen.path).unlink()
    listener.close()


def give_rights(listen: ListenSettings) -> None:
    """Give a UNIX socket the mode and the owner that it shall have.

    Raises:
        ConfigurationError: if that cannot be done.

    """
    if not listen.path:
        return
    try:
        _give_rights(Path(listen.path), listen)
    except OSError as error:
        raise SocketUnavailable(f"[[listen]] {listen.path}: {error.strerror}") from error


def _give_rights(path: Path, listen: ListenSettings) -> None:
    uid = uid_of(listen.owner) if listen.owner else -1
    gid = gid_of(listen.group) if listen.group else -1
    if uid != -1 or gid != -1:
        os.chown(path, uid, gid)
    path.chmod(int(listen.mode, 8))


def tls_context(listen: ListenSettings) -> ssl.SSLContext | None:
    """Return what TLS needs, `None` for a socket without it.

    Raises:
        ConfigurationError: if certificate or key cannot be used.

    """
    if not listen.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(listen.certificate, listen.key)
    except OSError as error:
        cause = error.strerror or "they do not belong together"
        text = f"[[listen]] {listen.place}: certificate and key cannot be used: {cause}"
        raise ConfigurationError(text) from error
    return context
