"""Who asks: tenants, people, memberships, keys and secrets, and the trail of what they did."""

from tenants.models.api_key import ApiKey
from tenants.models.audit_event import AuditEvent
from tenants.models.audit_seal import AuditSeal, UnsealedEvent
from tenants.models.data_key import DataKey
from tenants.models.invitation import Invitation
from tenants.models.login_session import LoginSession
from tenants.models.membership import Membership, Role
from tenants.models.reservation import Reservation
from tenants.models.secret import Secret, SecretVersion
from tenants.models.tenant import Tenant, TenantState
from tenants.models.user import User

__all__ = [
    "ApiKey",
    "AuditEvent",
    "AuditSeal",
    "DataKey",
    "Invitation",
    "LoginSession",
    "Membership",
    "Reservation",
    "Role",
    "Secret",
    "SecretVersion",
    "Tenant",
    "TenantState",
    "UnsealedEvent",
    "User",
]
