-- Counts the books that were added, in the order of the commits: whoever adds one holds the row until
-- the transaction ends. A list read together with this number contains everything up to it.
CREATE TABLE shelf (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision bigint NOT NULL
);

INSERT INTO shelf (revision) VALUES (0);
