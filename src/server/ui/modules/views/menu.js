/** A menu that opens at a button: by keyboard as menus are, by touch and mouse as expected. */
import { h } from '../dom.js';

/** @typedef {{text: string, act: () => void, danger?: boolean}} Item */

/**
 * Opens a menu; choosing, Escape, Tab and a press elsewhere close it.
 * @param {HTMLElement} anchor the button that opens it, and gets the focus back
 * @param {string} label
 * @param {Item[]} items
 */
export function openMenu(anchor, label, items) {
  const menu = h('div', { class: 'menu', role: 'menu', 'aria-label': label });
  const buttons = items.map(({ text, act, danger }) =>
    h('button', { class: danger ? 'menu-item danger' : 'menu-item', type: 'button', role: 'menuitem', tabindex: -1, onclick: () => (close(), act()) }, text),
  );
  menu.append(...buttons);
  const elsewhere = (event) => !menu.contains(event.target) && close();

  function close() {
    document.removeEventListener('pointerdown', elsewhere, true);
    globalThis.removeEventListener('resize', close);
    menu.remove();
    anchor.ariaExpanded = 'false';
    anchor.focus();
  }

  menu.addEventListener('keydown', (event) => {
    const at = buttons.indexOf(document.activeElement);
    const places = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
    if (event.key in places) buttons.at(places[event.key] % buttons.length).focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else if (event.key.length !== 1 || !toLetter(event.key, at)) return;
    event.preventDefault();
    event.stopPropagation();
  });

  /** Goes to the next item that begins with a letter. */
  function toLetter(letter, at) {
    const order = [...buttons.slice(at + 1), ...buttons.slice(0, at + 1)];
    const found = order.find((button) => button.textContent.toLowerCase().startsWith(letter.toLowerCase()));
    found?.focus();
    return found;
  }

  anchor.ariaExpanded = 'true';
  document.body.append(menu);
  place(menu, anchor.getBoundingClientRect());
  document.addEventListener('pointerdown', elsewhere, true);
  globalThis.addEventListener('resize', close);
  buttons[0].focus();
}

/** Below the anchor, or above where there is no room; inside the window in any case. */
function place(menu, anchor) {
  const { width, height } = menu.getBoundingClientRect();
  const below = anchor.bottom + GAP;
  const top = below + height <= innerHeight - GAP ? below : Math.max(GAP, anchor.top - GAP - height);
  menu.style.top = `${top}px`;
  menu.style.left = `${Math.max(GAP, Math.min(anchor.left + INDENT, innerWidth - width - GAP))}px`;
}

/** Pixels between the menu and what is around it, and from the anchor's edge. */
const GAP = 4;
const INDENT = 16;
