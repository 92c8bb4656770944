"""The catalogue of networks, their loaders, their layers, and the network up to a layer."""
