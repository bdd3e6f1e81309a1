"""The console's pages of the ground floor. Importing registers them."""

from tenants.admin import api_keys, audit_events, log_in, members, people, tenants

__all__ = ["api_keys", "audit_events", "log_in", "members", "people", "tenants"]
