"""The command-line commands of the maintainers' tools."""
