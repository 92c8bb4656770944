"""Strangers' pictures read safely, fitted to a network, the bundled gallery, and seeds."""
