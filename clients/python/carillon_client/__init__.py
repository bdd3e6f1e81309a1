"""A typed client of Carillon's REST API: ``Client(url, key)``."""

from carillon_client import errors, shapes
from carillon_client.client import Client
from carillon_client.errors import CarillonError
from carillon_client.streams import Event

__all__ = ["CarillonError", "Client", "Event", "errors", "shapes"]
