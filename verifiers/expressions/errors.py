"""What can go wrong between a text and a value."""


class ParseError(ValueError):
    """The text is not mathematics that is read here, or is larger than the limits allow."""


class TooLargeError(ArithmeticError):
    """A value or the work for it is beyond the limits; nothing was computed."""


class NoValueError(ArithmeticError):
    """There is no value at this point: a pole, or something that no number stands for."""


class UndecidedError(ArithmeticError):
    """The value needs symbolic work (an integral, a limit, an infinite series), or the tree is no value."""
