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
  return section('Notifications', h('label', { class: 'check' }, box, h('span', {}, 'Notify me of mentions and private messages while this page is in the background')), note);
}

const TEXTS = {
  off: 'The page’s title shows the number of unread messages in any case.',
  on: 'This browser notifies you.',
  denied: 'Your browser blocks notifications of this site. You can allow them in its settings.',
  missing: 'Not available here: this browser can’t show notifications, or only over https.',
};
