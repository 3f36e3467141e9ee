"""What is known of images without touching one: formats, checksums, metalinks."""

from cmk.errors import CmkError


class ImageError(CmkError):
    """What was given cannot be an image's: a checksum, a URL, a header, a metalink."""
