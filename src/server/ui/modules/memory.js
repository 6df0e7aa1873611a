/** What a tab remembers over a reload, as JSON in `sessionStorage`; nothing where storage is denied. */

/** @returns {any} what was remembered under `key`, or `fallback` */
export function recall(key, fallback = null) {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + key)) ?? fallback;
  } catch {
    return fallback;
  }
}

export function remember(key, value) {
  try {
    sessionStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // Full or denied: the tab forgets at the next reload, and that is all.
  }
}

export function forget(...keys) {
  try {
    for (const key of keys) sessionStorage.removeItem(PREFIX + key);
  } catch {
    // As above.
  }
}

const PREFIX = 'chinwag.';
