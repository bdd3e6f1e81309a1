"""Tasks of Celery apps that tenants run themselves: sent, waited for and revoked as any Celery client would do it.

No Celery app is made for it: a message and a result are a few fields of JSON, and a library that connects by itself would
look names up past the egress guard.
"""
