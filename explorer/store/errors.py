"""The errors of the cache."""


class CacheError(ValueError):
    """The cache cannot do what was asked; the message says what would be right, without paths.

    for_operator: the same with the server's paths, for the log and the command line.
    """

    def __init__(self, message: str, for_operator: str | None = None) -> None:
        super().__init__(message)
        self.for_operator = for_operator or message


class DamagedEntry(Exception):
    """A stored entry that must not be used; the message says what is wrong with it."""
