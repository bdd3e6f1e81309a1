"""What each list can be asked for, and by which index it is found."""
