/** The four operations and the error shape, over real HTTP. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { InMemoryRepository, serve } from './fakes.js';

const PROBLEM_MEMBERS = ['detail', 'errors', 'status', 'title', 'trace_id', 'type'];
let service;

before(async () => {
  service = await serve({ repository: new InMemoryRepository() });
});
after(() => service.close());

const newBook = async (values = {}) =>
  (await service.post('/books', { title: 'Middlemarch', author: 'George Eliot', ...values })).json();

async function assertProblem(response, status) {
  assert.equal(response.status, status);
  assert.match(response.headers.get('content-type'), /^application\/problem\+json/);
  assert.deepEqual(Object.keys(await response.json()).sort(), PROBLEM_MEMBERS);
}

test('a posted book comes back whole, has an address and is in the list', async () => {
  const response = await service.post('/books', {
    title: 'Обломов 🛋', author: 'Гончаров', isbn: '9780140440409', published_year: 1859,
  });
  const book = await response.json();

  assert.equal(response.status, 201);
  assert.equal(book.title, 'Обломов 🛋');
  assert.deepEqual(await (await service.get(response.headers.get('location'))).json(), book);
  const { items } = await (await service.get('/books')).json();
  assert.deepEqual(items.find(({ id }) => id === book.id), book);
});

test('a review is listed under its book and under no other', async () => {
  const [one, other] = [await newBook(), await newBook()];
  const response = await service.post(`/books/${one.id}/reviews`, { reviewer: 'Ada', rating: 5 });

  assert.equal(response.status, 201);
  assert.equal((await response.json()).comment, null);
  assert.equal((await (await service.get(`/books/${one.id}/reviews`)).json()).items.length, 1);
  assert.deepEqual(await (await service.get(`/books/${other.id}/reviews`)).json(), { items: [] });
});

test('a second book with the same isbn is refused with 409', async () => {
  await newBook({ isbn: '9780000000002' });

  await assertProblem(
    await service.post('/books', { title: 'x', author: 'y', isbn: '9780000000002' }), 409,
  );
});

for (const id of ['abc', '-1', '999999999999999999999', '00000000-0000-4000-8000-000000000000']) {
  test(`the reviews of the book ${id} are not found`, async () => {
    await assertProblem(await service.get(`/books/${id}/reviews`), 404);
    await assertProblem(await service.post(`/books/${id}/reviews`, { reviewer: 'a', rating: 1 }), 404);
  });
}

for (const body of ['', '{', '[]', 'null', '"text"', '{"title": "a", "author": ""}']) {
  test(`the body ${JSON.stringify(body)} is refused`, async () => {
    const response = await service.post('/books', body);
    assert.ok([400, 422].includes(response.status));
    await assertProblem(response, response.status);
  });
}

test('a body of another type is refused with 415', async () => {
  await assertProblem(await service.post('/books', 'title=a', { 'Content-Type': 'text/plain' }), 415);
});

test('a body that is far too large is refused with 413', async () => {
  await assertProblem(await service.post('/books', 'x'.repeat(3 * 1024 * 1024)), 413);
});

test('a method that a path does not know is answered with 405 and the methods it knows', async () => {
  const response = await service.put('/books', {});
  assert.equal(response.headers.get('allow'), 'GET, HEAD, POST');
  await assertProblem(response, 405);
});

test('an unexpected error shows nothing of itself', async () => {
  const repository = new InMemoryRepository();
  repository.listReviews = async () => {
    throw new Error('SELECT secret FROM /srv/app');
  };
  const broken = await serve({ repository });
  try {
    const response = await broken.get('/books/00000000-0000-4000-8000-000000000000/reviews');
    assert.equal(response.status, 500);
    assert.doesNotMatch(await response.text(), /SELECT|srv/);
  } finally {
    broken.close();
  }
});

test('a valid traceparent is continued in the answer', async () => {
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const response = await service.post('/books', '{', {
    'Content-Type': 'application/json', traceparent: `00-${trace}-b7ad6b7169203331-01`,
  });
  assert.equal((await response.json()).trace_id, trace);
});
