/**
 * Being kept out of the whole server: what one is told of it, and how the page learns of it where scripts only see
 * that a WebSocket did not come about.
 */
import { mediumTime } from './text.js';

/** @param {{until?: string, reason?: string}} ban */
export function banSentence({ until, reason }) {
  const end = until ? ` until ${mediumTime(until)}` : '';
  // Isolates keep a right-to-left reason from turning the sentence around.
  const why = reason ? ` The reason given: “\u2068${reason}\u2069”.` : '';
  return `You are banned from this server${end}.${why} If you think that is a mistake, please ask whoever runs it.`;
}

/**
 * Asks the server for something that everybody gets, and whether it would talk to this page.
 * @param {boolean} isFirst nobody has come in yet: the address of the page itself may be what is refused
 * @returns {Promise<string | null>} why it lets nobody in from here; `null`: it does, or can't be asked
 */
export async function refusalHere(isFirst) {
  const page = await ask('/manifest.webmanifest', {});
  if (page?.status === 403) return banSentence({ until: endOf(page) });
  if (!page?.ok || !isFirst) return null;
  const door = await ask('/api/v1/session', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });
  return door?.status === 403 ? `This server does not let in pages from ${location.origin}. Whoever runs it can allow it: the setting is allow_origin.` : null;
}

function ask(path, options) {
  return fetch(path, { ...options, cache: 'no-store' }).catch(() => null);
}

function endOf(response) {
  const seconds = Number(response.headers.get('Retry-After'));
  return seconds > 0 ? new Date(Date.now() + seconds * 1000).toISOString() : undefined;
}
