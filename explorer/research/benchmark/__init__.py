"""Our engine beside other people's procedures, on the same work: `python -m explorer bench`.

`cases` says what is made, `references` how others make it (written anew on our own network code,
never their code), `procedures` names them all, `drive` runs one under a clock, `machine` measures
what the device could do at best, `scaling` what batches are worth; `plan` and `run` put them
together; `tables` says what came out, `markdown` to people, `report` to scripts and into a file.
Nothing outside this room imports it but the command line, so the references can never become a
second way of making IRIs.
"""
