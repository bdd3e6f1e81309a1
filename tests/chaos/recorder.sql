-- A record of every transition, kept by the database of a chaos run beside the product's own tables.
-- Triggers write it in the transaction it tells of, so what was rolled back is not in it. Nothing of the
-- product can write or read it.
CREATE SCHEMA chaos;
CREATE TABLE chaos.change (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, execution uuid NOT NULL, job uuid, trigger text,
    before text, after text NOT NULL, attempt int NOT NULL, epoch int NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(), begun timestamptz NOT NULL DEFAULT now(),
    at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE chaos.renewal (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, worker uuid NOT NULL, expires_at timestamptz NOT NULL, pids int[] NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp());

CREATE FUNCTION chaos.of_execution() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO chaos.change (kind, execution, job, trigger, before, after, attempt, epoch)
    VALUES ('execution', NEW.id, NEW.job_id, NEW.trigger, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.attempt, NEW.epoch);
    RETURN NULL;
END $$;
CREATE FUNCTION chaos.of_attempt() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO chaos.change (kind, execution, before, after, attempt, epoch)
    VALUES ('attempt', NEW.execution_id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.number, NEW.epoch);
    RETURN NULL;
END $$;
CREATE FUNCTION chaos.of_worker() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO chaos.renewal (worker, expires_at, pids) VALUES (NEW.id, NEW.lease_expires_at, NEW.pids);
    RETURN NULL;
END $$;

CREATE TRIGGER chaos_made AFTER INSERT ON execution FOR EACH ROW EXECUTE FUNCTION chaos.of_execution();
CREATE TRIGGER chaos_moved AFTER UPDATE ON execution FOR EACH ROW
    WHEN ((OLD.state, OLD.attempt, OLD.epoch) IS DISTINCT FROM (NEW.state, NEW.attempt, NEW.epoch)) EXECUTE FUNCTION chaos.of_execution();
CREATE TRIGGER chaos_made AFTER INSERT ON attempt FOR EACH ROW EXECUTE FUNCTION chaos.of_attempt();
CREATE TRIGGER chaos_moved AFTER UPDATE ON attempt FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION chaos.of_attempt();
CREATE TRIGGER chaos_told AFTER INSERT OR UPDATE ON worker FOR EACH ROW EXECUTE FUNCTION chaos.of_worker();
