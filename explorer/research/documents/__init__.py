"""The documents that are generated whole: `python -m explorer.research.documents`.

Tables of what there is (`docs/reference/`) are written from the registries, the picture of the
packages from the import contract, pictures and measurements by `explorer.research.figures`. Nothing
is written by hand in such a file, so a new run loses nothing.
"""
