/** All SQL of the service: one statement per operation. */

import { violates } from './database.js';
import { conflict, notFound } from './problems.js';

const UNIQUE_VIOLATION = '23505';
const FOREIGN_KEY_VIOLATION = '23503';

const LIST_BOOKS = `
  SELECT state.revision, b.id, b.title, b.author, b.isbn, b.published_year, b.created_at
    FROM (SELECT coalesce(max(revision), 0) AS revision FROM list_revision) AS state
    LEFT JOIN books AS b ON true
   ORDER BY b.created_at, b.id`;

const GET_BOOK = `
  SELECT id, title, author, isbn, published_year, created_at FROM books WHERE id = $1`;

const ADD_BOOK = `
  INSERT INTO books (title, author, isbn, published_year) VALUES ($1, $2, $3, $4)
  RETURNING id, title, author, isbn, published_year, created_at, current_list_revision() AS revision`;

const LIST_REVIEWS = `
  SELECT r.id, b.id AS book_id, r.reviewer, r.rating, r.comment, r.created_at
    FROM books AS b
    LEFT JOIN reviews AS r ON r.book_id = b.id
   WHERE b.id = $1
   ORDER BY r.created_at, r.id`;

const ADD_REVIEW = `
  INSERT INTO reviews (book_id, reviewer, rating, comment) VALUES ($1, $2, $3, $4)
  RETURNING id, book_id, reviewer, rating, comment, created_at`;

const NO_BOOK = 'There is no such book.';

const book = (row) => ({
  id: row.id,
  title: row.title,
  author: row.author,
  isbn: row.isbn,
  published_year: row.published_year,
  created_at: row.created_at.toISOString(),
});

const review = (row) => ({ ...row, created_at: row.created_at.toISOString() });

export class Repository {
  #database;

  constructor(database) {
    this.#database = database;
  }

  /** The books and the number of the last change they contain, from one snapshot. */
  async listBooks() {
    const rows = await this.#database.read(LIST_BOOKS);
    return {
      revision: Number(rows[0].revision),
      books: rows.filter((row) => row.id !== null).map(book),
    };
  }

  async getBook(id) {
    const rows = await this.#database.read(GET_BOOK, [id]);
    if (rows.length === 0) throw notFound(NO_BOOK);
    return book(rows[0]);
  }

  async addBook({ title, author, isbn, published_year: year }) {
    try {
      const [row] = await this.#database.write(ADD_BOOK, [title, author, isbn, year]);
      return { revision: Number(row.revision), book: book(row) };
    } catch (error) {
      if (violates(error, UNIQUE_VIOLATION)) throw conflict('Another book has this isbn.');
      throw error;
    }
  }

  /** No rows at all: no such book. One row without a review: a book nobody has reviewed yet. */
  async listReviews(bookId) {
    const rows = await this.#database.read(LIST_REVIEWS, [bookId]);
    if (rows.length === 0) throw notFound(NO_BOOK);
    return rows.filter((row) => row.id !== null).map(review);
  }

  async addReview(bookId, { reviewer, rating, comment }) {
    try {
      const [row] = await this.#database.write(ADD_REVIEW, [bookId, reviewer, rating, comment]);
      return review(row);
    } catch (error) {
      if (violates(error, FOREIGN_KEY_VIOLATION)) throw notFound(NO_BOOK);
      throw error;
    }
  }

  async ping() {
    await this.#database.read('SELECT 1');
  }
}
