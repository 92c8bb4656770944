"""The job engine: requests in, progress and results out, all tensor work in another process."""
