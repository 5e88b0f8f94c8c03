/** The service on an ephemeral port over a repository in memory; real HTTP, no database, no cache. */

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createApp } from '../src/app.js';
import { nullLog } from '../src/log.js';
import { conflict, notFound } from '../src/problems.js';

export class InMemoryRepository {
  books = new Map();
  reviews = [];

  async addBook(values) {
    const taken = values.isbn && [...this.books.values()].some((book) => book.isbn === values.isbn);
    if (taken) throw conflict('Another book has this isbn.');
    const book = { id: randomUUID(), ...values, created_at: new Date().toISOString() };
    this.books.set(book.id, book);
    return { revision: this.books.size, book };
  }

  async listBooks() {
    return { revision: this.books.size, books: [...this.books.values()] };
  }

  async getBook(id) {
    if (!this.books.has(id)) throw notFound('There is no such book.');
    return this.books.get(id);
  }

  async listReviews(id) {
    await this.getBook(id);
    return this.reviews.filter((review) => review.book_id === id);
  }

  async addReview(id, values) {
    await this.getBook(id);
    const review = { id: randomUUID(), book_id: id, ...values, created_at: new Date().toISOString() };
    this.reviews.push(review);
    return review;
  }

  async ping() {}
}

/** A list that asks the repository every time. */
export const uncached = (repository) => ({
  list: async () => JSON.stringify({ items: (await repository.listBooks()).books }),
  add: async (values) => (await repository.addBook(values)).book,
});

export async function serve({ repository, catalogue = uncached(repository), log = nullLog }) {
  const server = createServer(createApp({ catalogue, repository, log }));
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const base = `http://127.0.0.1:${server.address().port}`;
  const send = (method) => (path, body, headers = { 'Content-Type': 'application/json' }) =>
    fetch(base + path, {
      method,
      headers,
      body: typeof body === 'string' || body === undefined ? body : JSON.stringify(body),
    });
  return {
    get: (path) => fetch(base + path),
    post: send('POST'),
    put: send('PUT'),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
