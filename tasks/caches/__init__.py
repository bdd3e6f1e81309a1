"""What the ``cache`` job type does to a region: its keys, one by one or by pattern."""
