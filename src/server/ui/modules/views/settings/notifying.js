/** Whether this browser tells of what is for one while one is away. */
import { h, setText } from '../../dom.js';
import { section } from '../section.js';

/** @param {import('../../notifier.js').Notifier} notifier */
export function notifyingSection(notifier) {
  const note = h('p', { class: 'hint', role: 'status' });
  const box = h('input', { type: 'checkbox', role: 'switch' });
  const draw = () => {
    box.checked = notifier.isOn;
    setText(note, TEXTS[notifier.state]);
    box.disabled = notifier.state === 'missing';
  };
  box.addEventListener('change', async () => {
    await notifier.switchTo(box.checked);
    draw();
  });
  draw();
  return section('Notifications', h('label', { class: 'check' }, box, h('span', {}, 'Tell me when I am mentioned or written to alone, and this page is hidden')), note);
}

const TEXTS = {
  off: 'The title of the page counts what is unread in any case.',
  on: 'This browser notifies you.',
  denied: 'The browser does not allow it. Its settings for this site do.',
  missing: 'This browser can’t, or only over TLS.',
};
