"""What the package raises: `BadReference`, for a gold answer that cannot be used."""


class BadReference(ValueError):  # noqa: N818 - the item is bad, not the program
    """The gold answer cannot be used: the item is broken, whatever the response says."""
