"""Making and dropping weekly partitions: the two things the engine may do to tables it does not own.

CREATE … PARTITION OF locks the parent exclusively; CREATE (LIKE) followed by ATTACH does not. A week
whose rows already fell into the DEFAULT partition takes them along, or ATTACH would fail for ever.
"""

from django.db import migrations

from tenants import rls

FLOOR_ID = """
CREATE FUNCTION carillon_floor_id(instant timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS
$$ SELECT (lpad(to_hex(floor(extract(epoch FROM instant) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid $$
"""

CHILD_ID = """
CREATE FUNCTION carillon_child_id(parent uuid, seed text) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS
$$ SELECT (left(parent::text, 13) || '-7' || substr(h, 1, 3) || '-8' || substr(h, 4, 3) || '-' || substr(h, 7, 12))::uuid
   FROM (SELECT encode(sha256(convert_to(parent::text || seed, 'UTF8')), 'hex') AS h) AS hashed $$
"""

MAKE = """
CREATE FUNCTION carillon_make_partition(parent text, instant timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    week timestamptz := date_trunc('week', instant AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    child text := format('%s_p%s', parent, to_char(week AT TIME ZONE 'UTC', 'YYYYMMDD'));
    low uuid := carillon_floor_id(week);
    high uuid := carillon_floor_id(week + interval '7 days');
BEGIN
    IF parent NOT IN ('execution', 'attempt', 'execution_log', 'event') THEN
        RAISE EXCEPTION '% is not partitioned', parent;
    END IF;
    -- Two engines may want the same week at once; the second finds it made.
    PERFORM pg_advisory_xact_lock(hashtext('carillon partitions'));
    IF to_regclass(format('public.%I', child)) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE)', child, parent);
    EXECUTE format('WITH moved AS (DELETE FROM %I WHERE id >= $1 AND id < $2 RETURNING *) INSERT INTO %I SELECT * FROM moved',
                   parent || '_default', child) USING low, high;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child, low, high);
    RETURN child;
END $$
"""

DROP = """
CREATE FUNCTION carillon_drop_partitions(parent text, cutoff timestamptz) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
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
    END LOOP;
END $$
"""

PARENTS = ("execution", "attempt", "execution_log", "event")
FUNCTIONS = ("carillon_make_partition(text, timestamptz)", "carillon_drop_partitions(text, timestamptz)")


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_walls")]

    operations = [
        rls.run(FLOOR_ID, "DROP FUNCTION carillon_floor_id(timestamptz)"),
        rls.run(CHILD_ID, "DROP FUNCTION carillon_child_id(uuid, text)"),
        rls.run(MAKE, f"DROP FUNCTION {FUNCTIONS[0]}"),
        rls.run(DROP, f"DROP FUNCTION {FUNCTIONS[1]}"),
        *(rls.run(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC") for function in FUNCTIONS),
        *(rls.run(f"GRANT EXECUTE ON FUNCTION {function} TO {rls.ENGINE}") for function in FUNCTIONS),
        *(rls.run(f"CREATE TABLE {parent}_default PARTITION OF {parent} DEFAULT", f"DROP TABLE {parent}_default") for parent in PARENTS),
        # Counted by the watchdog: rows in there are an alarm.
        *(rls.run(f"GRANT SELECT ON {parent}_default TO {rls.ENGINE}") for parent in PARENTS),
        *(
            rls.run(f"SELECT carillon_make_partition('{parent}', clock_timestamp() + interval '7 days' * {week})")
            for parent in PARENTS
            for week in range(-1, 5)
        ),
    ]
