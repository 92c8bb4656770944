"""Running jobs, pushed to browsers as events: one broadcast per job, however many watch."""
