"""What an HTTP call is made of: its payload, who it says it is, where it goes, and what it makes of the answer."""
