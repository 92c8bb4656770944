"""What the cache raises, and when an entry counts as damaged."""


class CacheError(ValueError):
    """Something that the cache cannot do; the message says what would be right."""


class DamagedEntry(Exception):
    """A stored entry that must not be used; the message says what is wrong with it."""
