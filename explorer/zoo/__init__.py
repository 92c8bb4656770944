"""Our own small networks: their picture set, architectures, training and shipped weights."""
