/** How names and times look: addresses found, initials taken, dates in the reader's language. */

/** The address that begins at a place of a text, as far as it is one. @returns {{text: string, href: string} | null} */
export function addressAt(text, at) {
  LINK.lastIndex = at;
  const found = LINK.exec(text);
  if (!found) return null;
  const address = withoutTail(found[0]);
  const href = safeAddress(address);
  return href && { text: address, href };
}

/** An address as a browser writes it; `null` for all but web and mail addresses. */
export function safeAddress(text) {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
}

/** One or two letters for a name, as people see letters. */
export function initials(name) {
  const words = name.split(/[\s._-]+/u).filter(Boolean);
  const letters = (words.length > 1 ? [words[0], words.at(-1)] : [name]).map((word) => graphemes(word)[0] ?? '');
  return letters.join('').toLocaleUpperCase();
}

/** A number from 0 to 11 that is always the same for a name. */
export function hue(name) {
  let hash = 2166136261; // FNV-1a: short, and spreads short names well.
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0), 16777619);
  return (hash >>> 0) % 12;
}

/** Characters as the server counts them for `max_body_len`. */
export function characterCount(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** What the server would refuse and nobody can see: controls other than newline and tab. */
export function withoutControls(text) {
  return text.replace(/\r\n?/gu, '\n').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/gu, '');
}

export function shortTime(at) {
  return format(TIME, at);
}

/** The date, for what may be of any day. */
export function shortDate(at) {
  return format(SHORT, at);
}

/** Date and time, for lists. */
export function mediumTime(at) {
  return format(MEDIUM, at);
}

export function fullTime(at) {
  return format(FULL, at);
}

/** How long one has to wait, rounded up. */
export function waitWords(milliseconds) {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1000));
  if (seconds >= 100) return `${Math.ceil(seconds / 60)} minutes`;
  return seconds === 1 ? 'a second' : `${seconds} seconds`;
}

/** The day as a heading: "Today", "Yesterday", or the date. @param {Date} now */
export function dayName(at, now) {
  const days = Math.round((startOfDay(now) - startOfDay(new Date(at))) / DAY);
  if (days === 0 || days === 1) return capital(RELATIVE.format(-days, 'day'));
  return format(days > 300 ? LONG_DATE : DATE, at);
}

export function isSameDay(a, b) {
  return startOfDay(new Date(a)) === startOfDay(new Date(b));
}

/** Addresses end at spaces, quotes, and at the characters that could turn the text around. */
const LINK = /(?:https?:\/\/|mailto:)[^\s<>"\u200e\u200f\u202a-\u202e\u2066-\u2069]{1,2000}/iuy;

/** A full stop or a closing bracket after an address belongs to the sentence. */
function withoutTail(text) {
  for (;;) {
    const last = text.at(-1);
    const opening = { ')': '(', ']': '[', '}': '{' }[last];
    const isTail = opening ? text.split(last).length > text.split(opening).length : /[.,;:!?'*_]/u.test(last);
    if (!isTail) return text;
    text = text.slice(0, -1);
  }
}

function graphemes(text) {
  return globalThis.Intl?.Segmenter ? Array.from(SEGMENTER.segment(text), ({ segment }) => segment) : [...text];
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

function format(formatter, at) {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? '' : formatter.format(date);
}

function capital(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}

const DAY = 86_400_000;
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const SHORT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const MEDIUM = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const DATE = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const LONG_DATE = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
// The page's own words are English; only times and dates follow the reader's locale.
const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const SEGMENTER = globalThis.Intl?.Segmenter ? new Intl.Segmenter() : null;
