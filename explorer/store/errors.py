"""The errors of the cache."""


class CacheError(ValueError):
    """The cache cannot do what was asked; the message says what would be right."""


class DamagedEntry(Exception):
    """A stored entry that must not be used; the message says what is wrong with it."""
