"""What the app and the engine may do in the tables of Django's own apps. None of them belongs to a tenant."""

from django.db import migrations

from tenants import rls

EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"
SEQUENCES = (
    "django_admin_log",
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
    "person_groups",
    "person_user_permissions",
)


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0002_walls"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("sessions", "0001_initial"),
        ("django_celery_results", "0014_alter_taskresult_status"),
    ]

    operations = [
        *rls.grant("django_session", app=EVERYTHING, engine=""),
        *rls.grant("django_admin_log", app="SELECT, INSERT", engine=""),
        *rls.grant("django_content_type", app="SELECT", engine="SELECT"),
        *rls.grant("django_migrations", app="SELECT", engine="SELECT"),
        *rls.grant("auth_permission", app="SELECT", engine=""),
        *rls.grant("auth_group", app=EVERYTHING, engine=""),
        *rls.grant("auth_group_permissions", app=EVERYTHING, engine=""),
        *rls.grant("django_celery_results_taskresult", app="SELECT", engine=EVERYTHING),
        *rls.grant("django_celery_results_groupresult", app="SELECT", engine=EVERYTHING),
        *rls.grant("django_celery_results_chordcounter", app="SELECT", engine=EVERYTHING),
        *(rls.run(f"GRANT USAGE ON SEQUENCE {table}_id_seq TO {rls.APP}") for table in SEQUENCES),
        *(
            rls.run(f"GRANT USAGE ON SEQUENCE django_celery_results_{table}_id_seq TO {rls.ENGINE}")
            for table in ("taskresult", "groupresult", "chordcounter")
        ),
    ]
