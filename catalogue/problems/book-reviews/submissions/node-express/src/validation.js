/** The rules of the two kinds of body: what comes in is hostile until it went through here. */

import { invalid, malformed, notFound } from './problems.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const ISBN = /^[0-9]{13}$/;
// A character that is neither white space nor a separator control; the same set as in openapi.json.
const VISIBLE = /[^\s\x1c-\x1f\x85]|\ufeff/;

/** An id that cannot exist is not found; it never reaches the database. */
export function bookId(text) {
  if (!UUID.test(text)) throw notFound('There is no such book.');
  return text.toLowerCase();
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Bytes to an object, or a Problem. */
export function parseObject(bytes) {
  let value;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch {
    throw malformed('The body is not JSON in UTF-8.');
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw malformed('The body must be a JSON object.');
  }
  return value;
}

function storableText(value, max) {
  if (typeof value !== 'string') return 'must be a text';
  if (!value.isWellFormed()) return 'must not contain half of a surrogate pair';
  if (value.includes('\u0000')) return 'must not contain the NUL character';
  // Characters, not UTF-16 units. A text over twice the limit need not be taken apart to be counted.
  if (value.length > 2 * max || [...value].length > max) return `must have at most ${max} characters`;
  return null;
}

const text = (max) => (value) => {
  const complaint = storableText(value, max);
  if (complaint) return complaint;
  return VISIBLE.test(value) ? null : 'must not be empty or only spaces';
};

const remark = (max) => (value) => storableText(value, max);

const integer = (min, max) => (value) =>
  Number.isInteger(value) && value >= min && value <= max
    ? null
    : `must be an integer from ${min} to ${max}`;

const isbn = (value) =>
  typeof value === 'string' && ISBN.test(value) ? null : 'must be 13 digits';

const BOOK = {
  title: { required: true, complaint: text(255) },
  author: { required: true, complaint: text(255) },
  isbn: { required: false, complaint: isbn },
  published_year: { required: false, complaint: integer(1, 9999) },
};

const REVIEW = {
  reviewer: { required: true, complaint: text(100) },
  rating: { required: true, complaint: integer(1, 5) },
  comment: { required: false, complaint: remark(5000) },
};

function validate(rules, body) {
  const errors = [];
  const values = {};
  for (const [field, { required, complaint }] of Object.entries(rules)) {
    const value = Object.hasOwn(body, field) ? body[field] : undefined;
    values[field] = value ?? null;
    if (value === undefined && required) errors.push({ field, message: 'is required' });
    else if (value === null && required) errors.push({ field, message: 'must not be null' });
    else if (value !== undefined && value !== null) {
      const message = complaint(value);
      if (message) errors.push({ field, message });
    }
  }
  if (errors.length > 0) throw invalid(errors);
  return values;
}

export const validBook = (body) => validate(BOOK, body);
export const validReview = (body) => validate(REVIEW, body);
