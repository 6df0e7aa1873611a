/**
 * The part of Markdown that people type without thinking of it: emphasis, code, lists, links.
 *
 * Whatever is none of that stays as it was typed. Text only ever becomes text nodes, and addresses only those of
 * `http:`, `https:` and `mailto:`. The work is linear in the length of the text, at a depth of at most `MAX_DEPTH`.
 */
import { h } from './dom.js';
import { addressAt, safeAddress } from './text.js';

/** @param {string} body @returns {(string | Element)[]} */
export function markdown(body) {
  const blocks = [];
  let plain = [];
  const flush = () => {
    if (plain.length) blocks.push(...inline(plain.join('\n'), 0));
    plain = [];
  };
  const lines = body.split('\n');
  for (let at = 0; at < lines.length; ) {
    const block = fence(lines, at) ?? list(lines, at);
    if (block) {
      flush();
      blocks.push(block.element);
      at = block.next;
    } else {
      plain.push(lines[at]);
      at += 1;
    }
  }
  flush();
  return blocks;
}

/** Lines between two lines of three back-ticks; without the second, they are text. */
function fence(lines, at) {
  if (!/^```[\w+-]{0,20}\s*$/u.test(lines[at])) return null;
  const end = lines.findIndex((line, index) => index > at && line.trimEnd() === '```');
  if (end < 0) return null;
  return { element: h('pre', {}, h('code', {}, lines.slice(at + 1, end).join('\n'))), next: end + 1 };
}

/** Lines that begin with `- ` or `1. `. A star is no sign of a list: `* alice waves` is a deed. */
function list(lines, at) {
  const sign = itemSign(lines[at]);
  if (!sign) return null;
  const items = [];
  let next = at;
  for (; next < lines.length && itemSign(lines[next])?.tag === sign.tag; next += 1) {
    items.push(h('li', {}, ...inline(itemSign(lines[next]).text, 0)));
  }
  return { element: h(sign.tag, sign.start > 1 ? { start: sign.start } : {}, ...items), next };
}

function itemSign(line) {
  const [, bullet, number, text] = /^ {0,3}(?:([-+])|(\d{1,6})[.)]) +(\S.*)$/u.exec(line) ?? [];
  if (bullet) return { tag: 'ul', start: 1, text };
  return number === undefined ? null : { tag: 'ol', start: Number(number), text };
}

/** @returns {(string | Element)[]} */
function inline(text, depth) {
  const nodes = [];
  /** Marks that have no end from here on: they need not be looked for again. */
  const endless = new Set();
  let plainFrom = 0;
  for (let at = 0; at < text.length; ) {
    const found = SIGNS.has(text[at]) ? spanAt(text, at, depth, endless) : null;
    if (!found) {
      at += 1;
      continue;
    }
    if (at > plainFrom) nodes.push(text.slice(plainFrom, at));
    nodes.push(found.node);
    at = found.end;
    plainFrom = at;
  }
  if (plainFrom < text.length) nodes.push(text.slice(plainFrom));
  return nodes;
}

function spanAt(text, at, depth, endless) {
  switch (text[at]) {
    case '`':
      return codeAt(text, at, endless);
    case '*':
    case '_':
      return depth < MAX_DEPTH ? emphasisAt(text, at, depth, endless) : null;
    case '[':
      return linkAt(text, at);
    default: {
      const address = isWord(text[at - 1]) ? null : addressAt(text, at);
      return address && { node: link(address.href, address.text), end: at + address.text.length };
    }
  }
}

function codeAt(text, at, endless) {
  const mark = text.startsWith('``', at) ? '``' : '`';
  const from = at + mark.length;
  const end = endOf(text, mark, from, endless);
  if (end < 0 || end === from) return null;
  return { node: h('code', {}, text.slice(from, end)), end: end + mark.length };
}

/** `*so*` and `_so_`, or twice the mark; not inside of words, where stars and underscores are names. */
function emphasisAt(text, at, depth, endless) {
  const mark = text[at + 1] === text[at] ? text[at].repeat(2) : text[at];
  const from = at + mark.length;
  if (isWord(text[at - 1]) || isGap(text[from]) || text[from] === text[at]) return null;
  const key = `${mark} end`;
  if (endless.has(key)) return null;
  for (let end = text.indexOf(mark, from + 1); end >= 0; end = text.indexOf(mark, end + 1)) {
    const after = text[end + mark.length];
    if (isGap(text[end - 1]) || isWord(after) || after === text[at]) continue;
    const tag = mark.length === 2 ? 'strong' : 'em';
    return { node: h(tag, {}, ...inline(text.slice(from, end), depth + 1)), end: end + mark.length };
  }
  endless.add(key);
  return null;
}

/** `[words](address)`; where it leads is said as well, for words may say anything. */
function linkAt(text, at) {
  NAMED_LINK.lastIndex = at;
  const [whole, words, address] = NAMED_LINK.exec(text) ?? [];
  const href = address && safeAddress(address);
  if (!href) return null;
  return { node: link(href, words), end: at + whole.length };
}

function link(href, words) {
  return h('a', { href, title: href, target: '_blank', rel: 'noopener noreferrer' }, words);
}

function endOf(text, mark, from, endless) {
  if (endless.has(mark)) return -1;
  const end = text.indexOf(mark, from);
  if (end < 0) endless.add(mark);
  return end;
}

function isGap(character) {
  return character === undefined || /\s/u.test(character);
}

function isWord(character) {
  return character !== undefined && /[\p{L}\p{N}]/u.test(character);
}

/** What anything begins with; the letters begin addresses. */
const SIGNS = new Set(['`', '*', '_', '[', 'h', 'H', 'm', 'M']);
const NAMED_LINK = /\[([^[\]\n]{1,300})\]\(([^\s()<>"]{1,2000})\)/uy;
/** Emphasis within emphasis. */
const MAX_DEPTH = 4;
