/** A part of a dialog under a heading of its own. */
import { h } from '../dom.js';

/** @param {string} title @param {...(Node | string | null)} children */
export function section(title, ...children) {
  return h('section', { class: 'section', 'aria-label': title }, h('h3', {}, title), ...children);
}
