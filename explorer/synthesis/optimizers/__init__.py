"""The optimisers: each composes a direction, a step rule and a ReLU width; one record for each."""
