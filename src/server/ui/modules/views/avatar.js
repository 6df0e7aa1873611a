/** The coloured initials that stand for a person. */
import { h, setText } from '../dom.js';
import { hue, initials } from '../text.js';

export function avatar(name, size = '') {
  const element = h('span', { 'aria-hidden': 'true' });
  paintAvatar(element, name, size);
  return element;
}

/** Colours come as classes: the page's policy allows no style attributes. */
export function paintAvatar(element, name, size = '') {
  element.className = `avatar hue-${hue(name)} ${size}`;
  setText(element, initials(name));
}
