"""Benchmark against published procedures on the same task: `python -m explorer bench`.

`cases` lists the tasks, `references` the published procedures (re-implemented on this project's
networks, not their authors' code), `procedures` all of them by name. `drive` runs one of them and
times it, `machine` measures what the device can do at best, `scaling` times batches; `plan` and
`run` combine these. `tables` computes the rows, `markdown` writes the report, `report` the JSON
and a section of a document. Only the command line imports this package, so that the references can
never become a second implementation of the synthesis.
"""
