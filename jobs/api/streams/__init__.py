"""Live streams of executions: one poller for all that are open in this process."""
