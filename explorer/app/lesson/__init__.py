"""The lesson: seven steps of finished results, with questions that can be checked."""
