/**
 * Builds and updates elements. Text only ever becomes text: nothing here, or anywhere else on the page, parses
 * markup.
 */

/** The element of the page with this id; it is in index.html, or that file is wrong. */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * Makes an element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `on…` are listeners, `class` and all else are attributes; `null`,
 *   `undefined` and `false` are left out
 * @param {...(Node | string | null | undefined | false)} children strings become text nodes
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * Makes the children of `parent` show `items`, in their order, keeping the elements of those that were there:
 * focus, selection and scroll position stay, and a screen reader hears only what is new.
 *
 * @template T
 * @param {Element} parent holds nothing but what this function put there
 * @param {T[]} items
 * @param {(item: T) => string} keyOf unique within `items`
 * @param {(item: T) => Element} create
 * @param {(element: Element, item: T, before: T) => void} update
 */
export function reconcile(parent, items, keyOf, create, update) {
  const before = shown.get(parent) ?? new Map();
  const after = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const known = before.get(key);
    if (known) update(known.element, item, known.item);
    after.set(key, { element: known?.element ?? create(item), item });
  }
  for (const [key, { element }] of before) if (!after.has(key)) element.remove();
  let place = parent.firstElementChild;
  for (const { element } of after.values()) {
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  shown.set(parent, after);
}

/** @type {WeakMap<Element, Map<string, {element: Element, item: any}>>} */
const shown = new WeakMap();

/** Sets text only where it differs: an unchanged live region stays silent. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A decorative icon of 20 by 20 pixels. @param {keyof typeof ICONS} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** Puts the icon of each `data-icon` below `root` in front of its text. */
export function placeIcons(root) {
  for (const element of root.querySelectorAll('[data-icon]')) element.prepend(icon(element.dataset.icon));
}

const SVG = 'http://www.w3.org/2000/svg';

/** Strokes, 1.6 wide, on a 20 by 20 grid. */
const ICONS = {
  check: 'M4.5 10.5l3.5 3.5 7.5-8',
  clock: 'M10 3a7 7 0 1 0 0 14a7 7 0 0 0 0-14M10 6.5v3.5l2.5 1.5',
  close: 'M5 5l10 10M15 5L5 15',
  down: 'M10 4v12M5 11l5 5 5-5',
  exit: 'M8 3.5H5a1.5 1.5 0 0 0-1.5 1.5v10a1.5 1.5 0 0 0 1.5 1.5h3M8 10h9M13.5 6.5L17 10l-3.5 3.5',
  lock: 'M5 9h10v7.5H5zM7 9V6.5a3 3 0 0 1 6 0V9',
  menu: 'M3 5.5h14M3 10h14M3 14.5h14',
  pencil: 'M4 16l.8-3.6L13.4 3.8a1.5 1.5 0 0 1 2.1 0l.7.7a1.5 1.5 0 0 1 0 2.1L7.6 15.2z',
  people: 'M7.5 9.5a3 3 0 1 0 0-6a3 3 0 0 0 0 6M2 16.5a5.5 5.5 0 0 1 11 0M13 4a3 3 0 0 1 0 5.5M15 12a5.5 5.5 0 0 1 3 4.5',
  plus: 'M10 4v12M4 10h12',
  search: 'M9 3.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11M13 13l4 4',
  sliders: 'M3 6h7M14 6h3M3 14h3M10 14h7M12 3.8v4.4M8 11.8v4.4',
  send: 'M3 10L17 3.5L12.5 17l-3-5.5zM9.5 11.5L17 3.5',
};
