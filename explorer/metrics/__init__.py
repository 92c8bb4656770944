"""Representation and perceptual distances, the null distribution, and the verdicts."""
