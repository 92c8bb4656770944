"""Loss variants as data, and the terms they are made of."""
