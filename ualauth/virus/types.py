"""Types of files that may be left out of a scan."""

from __future__ import annotations

from collections.abc import Mapping

from ualauth.text.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of files: how one begins, and what its name ends with."""

    magic: bytes
    """A regular expression."""
    extensions: frozenset[str]


def _type(magic: bytes, *extensions: str) -> FileType:
    return FileType(magic, frozenset(extensions))


TYPES: Mapping[str, FileType] = {
    "image/png": _type(rb"\x89PNG\r\n\x1a\n", "png"),
    "image/jpeg": _type(rb"\xff\xd8\xff", "jpg", "jpeg"),
    "image/gif": _type(rb"GIF8[79]a", "gif"),
    "image/webp": _type(rb"RIFF....WEBP", "webp"),
    "audio/mpeg": _type(rb"ID3", "mp3"),
    "audio/wav": _type(rb"RIFF....WAVE", "wav"),
    "video/mp4": _type(rb"....ftyp", "mp4", "m4v"),
}
"""What may be left out, by its media type (PNG 5.2, JFIF, GIF89a, RIFF, ID3v2, ISO 14496-12)."""
