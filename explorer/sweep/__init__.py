"""Sweeps: hundreds of requests from one TOML file, made in batches and put into one table."""
