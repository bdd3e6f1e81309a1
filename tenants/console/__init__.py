"""The console as a whole: who sits where, and what every page goes through. Its pages are in each package's ``admin``."""
