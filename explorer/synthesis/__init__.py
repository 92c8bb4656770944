"""The batched loop that turns seeds into IRIs, and the optimisers it runs."""
