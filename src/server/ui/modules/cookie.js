/**
 * Staying signed in on this browser: a session whose token is a cookie that no script can read. Whether there is one
 * is noted beside it, as the cookie itself can't be asked for.
 */
import { deviceLabel } from './device.js';
import { keep, kept } from './memory.js';
import { ServerError } from './protocol.js';

/** The name that this browser is signed in under, or `null`. */
export function staysAs() {
  return kept(NOTE);
}

/** Opens the session; rejects with what to tell the person. @param {{name: string, password: string}} credentials */
export async function stay(credentials) {
  const headers = { 'Content-Type': 'application/json' };
  const body = JSON.stringify({ ...credentials, label: deviceLabel() });
  const response = await fetch(PATH, { method: 'POST', headers, body }).catch(() => {
    throw new Error('The server cannot be reached. Please try again in a moment.');
  });
  if (!response.ok) throw new ServerError(await response.json().catch(() => ({ code: 'busy' })));
  keep(NOTE, credentials.name);
}

/** Ends the session, wherever it is used. */
export async function stayNoLonger() {
  keep(NOTE, null);
  await fetch(PATH, { method: 'DELETE' });
}

/** The server does not know the session any more. */
export function forgetStay() {
  keep(NOTE, null);
}

const PATH = '/api/v1/session';
const NOTE = 'stays';
