"""The database as migrated: walls around every tenant's rows, and nobody who could look over them."""

from __future__ import annotations

from django.apps import apps
from django.db import models

from tenants.models import Tenant
from tests.support import rows

APP, ENGINE = "carillon_app", "carillon_engine"
#: What belongs to the platform, and to no tenant.
PLATFORM = {
    "queue", "worker", "pulse", "rate_bucket", "person", "person_groups", "person_user_permissions", "audit_unsealed",
    "login_session", "axes_accessattempt", "axes_accessattemptexpiration",
}  # fmt: skip


def owned() -> list[type[models.Model]]:
    """The models whose rows belong to a tenant."""
    return [model for model in apps.get_models() if any(field.name == "tenant" for field in model._meta.get_fields())]


def partitioned() -> set[str]:
    return {row[0] for row in rows.fetch("SELECT relname FROM pg_class WHERE relkind = 'p'")}


def test_every_table_of_tenants_is_behind_forced_row_level_security():
    tables = {model._meta.db_table for model in owned()} | {"tenant"}
    assert len(tables) > 10
    walled = {row[0] for row in rows.fetch("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")}
    assert walled == tables


def test_every_wall_has_a_policy_for_app_and_engine():
    found = rows.fetch(
        "SELECT tablename, array_agg(r ORDER BY r)::text[] FROM pg_policies, unnest(roles) r WHERE cmd = 'ALL' GROUP BY 1"
    )
    assert dict(found) == {table: [APP, ENGINE] for table in [*(model._meta.db_table for model in owned()), "tenant"]}


def test_policies_of_the_app_check_what_is_written_as_well():
    found = rows.fetch(
        "SELECT qual = with_check FROM pg_policies WHERE %s = ANY(roles) AND cmd <> 'SELECT' GROUP BY 1", APP
    )
    assert found == [(True,)]


def test_what_everybody_may_read_is_named():
    """A policy for reading alone has nothing to check, and makes rows visible beyond their tenant."""
    found = rows.fetch("SELECT policyname::text, qual FROM pg_policies WHERE %s = ANY(roles) AND cmd = 'SELECT'", APP)
    # When the platform is being maintained is everybody's to see.
    assert found == [("maintenance_window_shared", "(tenant_id IS NULL)")]


def test_a_table_without_a_wall_is_the_platforms():
    open_ones = {
        row[0]
        for row in rows.fetch(
            """SELECT DISTINCT table_name::text FROM information_schema.role_table_grants g JOIN pg_class c ON c.relname = g.table_name
               WHERE grantee = %s AND NOT c.relrowsecurity AND table_schema = 'public'""",
            APP,
        )
    }
    assert {name for name in open_ones if not name.startswith(("django_", "auth_"))} == PLATFORM


def test_app_and_engine_own_nothing_and_pass_by_no_wall():
    assert rows.fetch(
        """SELECT rolname FROM pg_roles r WHERE rolname = ANY(%s) AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb
               OR EXISTS (SELECT 1 FROM pg_shdepend d WHERE d.refobjid = r.oid AND d.deptype = 'o')
               OR EXISTS (SELECT 1 FROM pg_auth_members m WHERE m.member = r.oid))""",
        [APP, ENGINE],
    ) == []  # fmt: skip


def test_partitions_are_reached_through_their_parents_only():
    granted = rows.fetch(
        """SELECT grantee::text, table_name::text, privilege_type::text FROM information_schema.role_table_grants
           JOIN pg_class ON relname = table_name WHERE relispartition AND grantee <> 'carillon_owner' AND grantee <> 'postgres' ORDER BY 2"""
    )
    assert granted == [(ENGINE, f"{parent}_default", "SELECT") for parent in sorted(partitioned())]


def test_nobody_may_truncate_or_hang_things_on_tables():
    assert rows.fetch(
        """SELECT table_name FROM information_schema.role_table_grants WHERE grantee = ANY(%s)
           AND privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')""",
        [APP, ENGINE, "PUBLIC"],
    ) == []  # fmt: skip


def test_functions_that_act_as_the_owner_are_closed_and_have_a_fixed_path():
    found = rows.fetch(
        """SELECT proname::text, proconfig::text LIKE '%%search_path=public, pg_temp%%',
               (SELECT array_agg(grantee::regrole::text ORDER BY 1) FROM aclexplode(proacl) WHERE grantee <> proowner)
           FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY 1"""
    )
    assert found == [
        ("carillon_audit_row_written", True, None),
        ("carillon_claimed_secrets", True, [APP]),
        ("carillon_drop_partitions", True, [ENGINE]),
        ("carillon_find_api_key", True, [APP]),
        ("carillon_find_hook", True, [APP]),
        ("carillon_find_invitation", True, [APP]),
        ("carillon_make_partition", True, [ENGINE]),
    ]


def test_no_foreign_key_points_at_a_partitioned_table():
    assert (
        rows.fetch(
            "SELECT conname FROM pg_constraint JOIN pg_class c ON c.oid = confrelid WHERE contype = 'f' AND c.relkind = 'p'"
        )
        == []
    )


def test_references_between_tenants_rows_carry_the_tenant():
    found = rows.fetch(
        """SELECT conrelid::regclass::text, confrelid::regclass::text,
               ARRAY(SELECT attname::text FROM unnest(conkey) k JOIN pg_attribute ON attrelid = conrelid AND attnum = k ORDER BY 1),
               ARRAY(SELECT attname::text FROM unnest(confkey) k JOIN pg_attribute ON attrelid = confrelid AND attnum = k ORDER BY 1)
           FROM pg_constraint WHERE contype = 'f' AND convalidated AND conparentid = 0"""
    )
    composite = {
        (table, parent, tuple(columns)) for table, parent, columns, keys in found if keys == ["id", "tenant_id"]
    }
    expected = {
        (model._meta.db_table, field.related_model._meta.db_table, tuple(sorted((field.column, "tenant_id"))))
        for model in owned()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.related_model in owned()
    }
    assert len(expected) >= 6
    assert composite == expected
    plain = {(table, parent) for table, parent, _, keys in found if len(keys) == 1}
    assert not {(table, parent) for table, parent in plain if {table, parent} <= {m._meta.db_table for m in owned()}}


def test_only_partitioned_tables_do_without_a_reference_to_their_tenant():
    without = {model._meta.db_table for model in owned() if not model._meta.get_field("tenant").db_constraint}
    assert without == partitioned()
    referring = {
        row[0]
        for row in rows.fetch(
            "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confrelid = 'tenant'::regclass"
        )
    }
    assert referring == {model._meta.db_table for model in owned()} - without


def test_the_tenants_key_is_never_empty():
    nullable = {model.__name__ for model in owned() if model._meta.get_field("tenant").null}
    assert nullable == {
        "ApiKey",
        "AuditEvent",
        "AuditSeal",
        "MaintenanceWindow",
        "Reservation",
    }  # of the platform itself, which is no tenant's
    assert Tenant._meta.pk is not None
