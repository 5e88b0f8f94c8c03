CREATE TABLE books (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title          varchar(255) NOT NULL CHECK (btrim(title) <> ''),
    author         varchar(255) NOT NULL CHECK (btrim(author) <> ''),
    isbn           text UNIQUE CHECK (isbn ~ '^[0-9]{13}$'),
    published_year integer CHECK (published_year BETWEEN 1 AND 9999),
    created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE reviews (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book_id    bigint NOT NULL REFERENCES books (id) ON DELETE CASCADE,
    reviewer   varchar(100) NOT NULL CHECK (btrim(reviewer) <> ''),
    rating     smallint NOT NULL CHECK (rating BETWEEN 1 AND 5),
    text       varchar(5000),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX reviews_book_id_id_idx ON reviews (book_id, id);
