"""Partitions are made and dropped with a short wait for their locks, dropped one a call, and set up for their updates.

An execution is written five times in its first seconds and never again; each time its state changes, which is
indexed, so no update is heap-only and a dead version stays behind in the table and in its indexes. Vacuum comes
after a fiftieth of a week's rows instead of a fifth. No room is left on pages for updates: of attempts, which are
written twice and the second time in no indexed column, 94 of 100 updates are heap-only as it is.
"""

from django.db import migrations

from tenants import rls

TUNE = """
CREATE FUNCTION carillon_tune_partition(child text) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF child ^@ 'execution_p' OR child ^@ 'attempt_p' THEN
        EXECUTE format('ALTER TABLE %I SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,'
                       ' autovacuum_analyze_scale_factor = 0.05)', child);
    END IF;
END $$
"""

MAKE = """
CREATE OR REPLACE FUNCTION carillon_make_partition(parent text, instant timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    week timestamptz := date_trunc('week', instant AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    child text := format('%s_p%s', parent, to_char(week AT TIME ZONE 'UTC', 'YYYYMMDD'));
    low uuid := carillon_floor_id(week);
    high uuid := carillon_floor_id(week + interval '7 days');
BEGIN
    IF parent NOT IN ('execution', 'attempt', 'execution_log', 'event') THEN
        RAISE EXCEPTION '% is not partitioned', parent;
    END IF;
    IF to_regclass(format('public.%I', child)) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    -- Two engines may want the same week at once; the second finds it made. By a query: to_regclass would answer
    -- from what this session knew before it waited.
    PERFORM pg_advisory_xact_lock(hashtext('carillon partitions'));
    IF EXISTS (SELECT 1 FROM pg_class WHERE relname = child AND relnamespace = 'public'::regnamespace) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE)', child, parent);
    PERFORM carillon_tune_partition(child);
    -- As ATTACH would a moment later: a row that fell there in between would forbid it.
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent || '_default');
    EXECUTE format('WITH moved AS (DELETE FROM %I WHERE id >= $1 AND id < $2 RETURNING *) INSERT INTO %I SELECT * FROM moved',
                   parent || '_default', child) USING low, high;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child, low, high);
    RETURN child;
END $$
"""

DROP = """
CREATE OR REPLACE FUNCTION carillon_drop_partitions(parent text, cutoff timestamptz) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    child text;
    week timestamptz;
    live boolean;
BEGIN
    IF parent NOT IN ('execution', 'attempt', 'execution_log', 'event') THEN
        RAISE EXCEPTION '% is not partitioned', parent;
    END IF;
    FOR child IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = format('public.%I', parent)::regclass AND c.relname <> parent || '_default' ORDER BY 1
    LOOP
        week := to_date(right(child, 8), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC';
        CONTINUE WHEN week + interval '7 days' > cutoff;
        IF parent = 'execution' THEN
            EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I WHERE finished_at IS NULL)', child) INTO live;
        ELSE
            live := to_regclass(format('public.execution_p%s', right(child, 8))) IS NOT NULL;
        END IF;
        CONTINUE WHEN live;
        EXECUTE format('DROP TABLE %I', child);
        RETURN NEXT child;
        RETURN;
    END LOOP;
END $$
"""


EXISTING = """
DO $$ BEGIN
    PERFORM carillon_tune_partition(c.relname) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent IN ('execution'::regclass, 'attempt'::regclass);
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0006_caps_changed")]

    operations = [
        rls.run(TUNE, "DROP FUNCTION carillon_tune_partition(text)"),
        rls.run("REVOKE ALL ON FUNCTION carillon_tune_partition(text) FROM PUBLIC"),
        rls.run(MAKE),
        rls.run(DROP),
        rls.run(EXISTING),
    ]
