/** Short words from the server or about what went wrong, shown for a while. */
import { byId, h } from '../dom.js';

/** @param {string} text */
export function announce(text) {
  const toasts = byId('toasts');
  const toast = h('div', { class: 'toast', dir: 'auto' }, h('span', {}, text));
  const close = h('button', { class: 'quiet', type: 'button', onclick: () => toast.remove() }, 'Dismiss');
  toast.append(close);
  toasts.append(toast);
  while (toasts.childElementCount > MAX_TOASTS) toasts.firstElementChild.remove();
  setTimeout(() => toast.remove(), SHOWN);
}

const MAX_TOASTS = 3;
const SHOWN = 10_000;
