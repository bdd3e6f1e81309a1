"""The JSON of the API: what clients send (``…Input``, ``…Changes``) and what they get (``…Shape``)."""
