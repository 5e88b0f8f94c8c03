/** The OpenAPI document, which is also what bodies are checked against. */

import { readFileSync } from 'node:fs';

export const DOCUMENT = readFileSync(new URL('../openapi.json', import.meta.url), 'utf8');

const { schemas } = JSON.parse(DOCUMENT).components;

export const NEW_USER = schemas.NewUser;
export const CREDENTIALS = schemas.Credentials;
export const REFRESH = schemas.RefreshRequest;
export const NEW_ORDER = schemas.NewOrder;
export const ORDER_CHANGES = schemas.OrderChanges;
