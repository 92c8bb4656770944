"""Finished results as a collection: summaries, listing and filters, packs that people can open."""
