"""Checkpoints of any origin: read without running code in them, and fitted to an architecture.

`reading` reads a file, `weights` finds the state dict in it, `fit` compares it with the
architecture.
"""
