"""Results on disk: bytes under plain string keys, bounded in size, checked whenever they are read.

Nothing here knows what the bytes mean, and nothing is ever pickled. `diskcache` is loaded when a
store is first used, not when this package is imported.
"""

from .errors import CacheError
from .store import Store

__all__ = ["CacheError", "Store"]
