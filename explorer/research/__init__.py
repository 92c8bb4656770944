"""Maintainers' tools: benchmarks, reproduction, training, checks. Nothing imports them."""
