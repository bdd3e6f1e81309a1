"""Settings of django-axes: so many wrong passwords per account and address, then none are judged for a while.

What else stands before a password is in :mod:`tenants.guessing`, which they name.
"""

from __future__ import annotations

from datetime import timedelta

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True  # the audit trail tells of log-ins
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_USERNAME_FORM_FIELD = "username"
AXES_USERNAME_CALLABLE = "tenants.guessing.account"
AXES_CLIENT_IP_CALLABLE = "tenants.guessing.address"
AXES_WHITELIST_CALLABLE = "tenants.guessing.uncounted"
AXES_LOCKOUT_CALLABLE = "tenants.guessing.locked_out"
