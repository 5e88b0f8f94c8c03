CREATE TABLE books (
    id             uuid        NOT NULL DEFAULT gen_random_uuid(),
    title          text        NOT NULL,
    author         text        NOT NULL,
    isbn           text,
    published_year integer,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT books_pkey PRIMARY KEY (id),
    CONSTRAINT books_isbn_key UNIQUE (isbn),
    CONSTRAINT books_title_check CHECK (char_length(title) <= 255 AND btrim(title) <> ''),
    CONSTRAINT books_author_check CHECK (char_length(author) <= 255 AND btrim(author) <> ''),
    CONSTRAINT books_isbn_check CHECK (isbn ~ '^[0-9]{13}$'),
    CONSTRAINT books_published_year_check CHECK (published_year BETWEEN 1 AND 9999)
);

CREATE TABLE reviews (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    book_id    uuid        NOT NULL,
    reviewer   text        NOT NULL,
    rating     integer     NOT NULL,
    comment    text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reviews_pkey PRIMARY KEY (id),
    CONSTRAINT reviews_book_id_fkey FOREIGN KEY (book_id) REFERENCES books (id) ON DELETE CASCADE,
    CONSTRAINT reviews_reviewer_check CHECK (char_length(reviewer) <= 100 AND btrim(reviewer) <> ''),
    CONSTRAINT reviews_rating_check CHECK (rating BETWEEN 1 AND 5),
    CONSTRAINT reviews_comment_check CHECK (char_length(comment) <= 5000)
);

-- The reviews of one book in the order they are shown.
CREATE INDEX reviews_of_a_book_idx ON reviews (book_id, created_at, id);
