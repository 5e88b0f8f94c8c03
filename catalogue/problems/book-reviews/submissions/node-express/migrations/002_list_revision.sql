-- Every change of the books gets a number, in the order of the commits: the row is locked until the
-- transaction ends, so whoever sees number n in a snapshot sees every change up to n in it as well.
-- A cached list carries the number it was read at; that is how an instance knows whether it is old.
CREATE TABLE list_revision (
    singleton boolean NOT NULL DEFAULT true,
    revision  bigint  NOT NULL,
    CONSTRAINT list_revision_pkey PRIMARY KEY (singleton),
    CONSTRAINT list_revision_singleton_check CHECK (singleton)
);

INSERT INTO list_revision (revision) VALUES (0);

-- Before the statement and not after it: an INSERT can then return the number it was given.
CREATE FUNCTION count_list_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    current_revision bigint;
BEGIN
    INSERT INTO list_revision AS counter (revision) VALUES (1)
    ON CONFLICT (singleton) DO UPDATE SET revision = counter.revision + 1
    RETURNING counter.revision INTO current_revision;
    PERFORM pg_notify('list_changed', current_revision::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER books_count_list_change
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON books
    FOR EACH STATEMENT EXECUTE FUNCTION count_list_change();

-- Volatile, so that it sees what the trigger of the same statement wrote.
CREATE FUNCTION current_list_revision() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(max(revision), 0) FROM list_revision
$$;
