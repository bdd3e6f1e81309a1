"""Row-level security for the ground floor, and the look-up that happens before a tenant is known."""

from django.db import migrations

from tenants import rls

FIND_API_KEY = """
CREATE FUNCTION carillon_find_api_key(wanted text) RETURNS TABLE (tenant_id uuid, digest bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT k.tenant_id, k.digest FROM api_key k WHERE k.key_id = wanted $$
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        *rls.wall("tenant", column="id", app="SELECT, INSERT, UPDATE", engine="SELECT", owner_reads=True),
        *rls.wall("membership", app="SELECT, INSERT, UPDATE, DELETE", engine="SELECT"),
        *rls.wall("api_key", app="SELECT, INSERT, UPDATE", engine="SELECT", owner_reads=True),
        *rls.wall("audit_event", app="SELECT, INSERT", engine="SELECT, INSERT"),
        *rls.grant("person", app="SELECT, INSERT, UPDATE, DELETE", engine="SELECT"),
        *rls.grant("person_groups", app="SELECT, INSERT, UPDATE, DELETE", engine=""),
        *rls.grant("person_user_permissions", app="SELECT, INSERT, UPDATE, DELETE", engine=""),
        rls.run(FIND_API_KEY, "DROP FUNCTION carillon_find_api_key(text)"),
        rls.run("REVOKE ALL ON FUNCTION carillon_find_api_key(text) FROM PUBLIC"),
        rls.run(f"GRANT EXECUTE ON FUNCTION carillon_find_api_key(text) TO {rls.APP}"),
    ]
