"""The embedded networks: architectures, cards and weights, and the drawn pictures."""
