"""What the package raises: of a gold answer that cannot be used, and of a verifier that returns no verdict."""


class BadReference(ValueError):  # noqa: N818 - the item is bad, not the program
    """The gold answer cannot be used: the item is broken, whatever the response says."""


class BrokenVerifierError(TypeError):
    """A verifier returned something else than a verdict, or one whose fields are not of their types.

    Attributes:
        position: of which response of a batch; None: of no single one.

    """

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position
