/**
 * What is remembered as JSON: by a tab over a reload (`remember`), by the browser until it is told to forget (`keep`);
 * nothing where storage is denied.
 */

/** @returns {any} what this tab remembered under `key`, or `fallback` */
export function recall(key, fallback = null) {
  return read(() => sessionStorage, key) ?? fallback;
}

export function remember(key, value) {
  write(() => sessionStorage, key, value);
}

export function forget(...keys) {
  for (const key of keys) write(() => sessionStorage, key, null);
}

/** @returns {any} what this browser keeps under `key`, or `fallback` */
export function kept(key, fallback = null) {
  return read(() => localStorage, key) ?? fallback;
}

/** @param {any} value `null` forgets */
export function keep(key, value) {
  write(() => localStorage, key, value);
}

// Where storage is denied, even naming it throws: so it is named inside.
function read(storage, key) {
  try {
    return JSON.parse(storage().getItem(PREFIX + key));
  } catch {
    return null;
  }
}

function write(storage, key, value) {
  try {
    if (value === null) storage().removeItem(PREFIX + key);
    else storage().setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // Full or denied: it is forgotten at the next reload, and that is all.
  }
}

const PREFIX = 'chinwag.';
