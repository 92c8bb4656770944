"""Reproduction of the paper's claims on the embedded networks: `python -m explorer reproduce`."""
