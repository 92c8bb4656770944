"""Results on disk: bytes under plain string keys, bounded in size, checked whenever they are read.

Nothing here interprets the bytes, and nothing is ever pickled. `diskcache` is imported when a
store is first used, not with this package.
"""

from .errors import CacheError
from .store import Store

__all__ = ["CacheError", "Store"]
