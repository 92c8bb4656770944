"""The parts of a page: pickers in the sidebar, a result, a running job."""
