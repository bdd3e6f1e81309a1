"""What executors do over HTTP: claim, report, and wait for something to claim. See docs/executors.md."""
