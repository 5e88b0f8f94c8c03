/** The edges of every rule. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseObject, validBook, validReview } from '../src/validation.js';

const BOOK = { title: 't', author: 'a' };
const REVIEW = { reviewer: 'r', rating: 3 };

const GOOD_BOOKS = [
  {}, { title: 'x'.repeat(255) }, { title: '😀'.repeat(255) }, { title: ' padded ' },
  { isbn: null, published_year: null }, { published_year: 1 }, { published_year: 9999 },
];
const BAD_BOOKS = [
  { title: '' }, { title: ' \t\u3000' }, { title: 'x'.repeat(256) }, { title: null }, { title: 1 },
  { title: 'a\u0000' }, { title: '\ud800' }, { author: undefined }, { isbn: '123' },
  { isbn: 9780000000000 }, { isbn: '٣'.repeat(13) }, { published_year: 0 },
  { published_year: 10000 }, { published_year: 1.5 }, { published_year: '1999' },
  { published_year: true }, { published_year: Infinity },
];
const GOOD_REVIEWS = [{}, { rating: 1 }, { rating: 5 }, { comment: '' }, { comment: '😀'.repeat(5000) }];
const BAD_REVIEWS = [
  { rating: 0 }, { rating: 6 }, { rating: 4.5 }, { rating: '5' }, { rating: null },
  { reviewer: 'x'.repeat(101) }, { comment: 'x'.repeat(5001) }, { comment: 1 },
];

for (const values of GOOD_BOOKS) {
  test(`a book with ${JSON.stringify(values).slice(0, 60)} is accepted as it is`, () => {
    assert.deepEqual(validBook({ ...BOOK, ...values }), {
      isbn: null, published_year: null, ...BOOK, ...values,
    });
  });
}

for (const values of BAD_BOOKS) {
  test(`a book with ${JSON.stringify(values).slice(0, 60)} is refused by name`, () => {
    const [field] = Object.keys(values);
    assert.throws(() => validBook({ ...BOOK, ...values }), (problem) => problem.errors[0].field === field);
  });
}

for (const values of GOOD_REVIEWS) {
  test(`a review with ${JSON.stringify(values).slice(0, 60)} is accepted as it is`, () => {
    assert.deepEqual(validReview({ ...REVIEW, ...values }), { comment: null, ...REVIEW, ...values });
  });
}

for (const values of BAD_REVIEWS) {
  test(`a review with ${JSON.stringify(values).slice(0, 60)} is refused`, () => {
    assert.throws(() => validReview({ ...REVIEW, ...values }), { status: 422 });
  });
}

test('names that every object has are no fields of the body', () => {
  assert.throws(() => validBook(parseObject(Buffer.from('{"__proto__": {"title": "t"}, "author": "a"}'))));
});

test('a body of a hundred thousand open brackets is refused like any other that is not JSON', () => {
  assert.throws(() => parseObject(Buffer.from('['.repeat(100_000))), { status: 400 });
});

test('bytes that are not UTF-8 are refused instead of replaced', () => {
  assert.throws(() => parseObject(Buffer.from([0x7b, 0xff, 0x7d])), { status: 400 });
});
