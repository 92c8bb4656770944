"""The figures and measurements that the documents show: one module, and one command, for each.

    python -m explorer.research.figures.NAME

`python -m explorer.research.documents` runs those that make a part of a document.
"""
