"""`python -m explorer`: the command line."""

from explorer.jobs.parent import end_with_parent

end_with_parent()  # before the imports below, during which a worker may be stopped

from explorer.cli import main  # noqa: E402

raise SystemExit(main())
