/** A message with the replies to it, and a box to reply. */
import { h, reconcile, setText } from '../dom.js';
import { recall, remember } from '../memory.js';
import { characterCount, withoutControls } from '../text.js';
import { threadRows } from '../timeline.js';
import { createRow, updateRow } from './message.js';
import { messageActions } from './message_actions.js';
import { openModal } from './modal.js';

/**
 * @param {import('../store.js').Store} store @param {import('../session.js').Session} session
 * @param {{announce: (text: string) => void}} page
 */
export function threadView(store, session, page) {
  const shared = messageActions(store, session, page);
  /** @type {{thread: import('../thread.js').Thread, dialog: HTMLDialogElement, draw: () => void} | null} */
  let shown = null;

  const actions = {
    ...shared,
    message: (seq) => store.thread?.messages.find((message) => message.seq === seq),
    reply: () => shown?.dialog.querySelector('textarea').focus(),
    // There is one place where messages are edited: it may have to be loaded first.
    edit: (message) => {
      const { room } = store.thread;
      close();
      shared.tried(session.jump(room, message.seq).then(() => shared.edit(message)));
    },
  };

  function close() {
    store.update(() => (store.thread = null));
    shown?.dialog.close();
  }

  function open(thread) {
    const list = h('div', { class: 'rows', role: 'log', 'aria-label': 'Thread' });
    const more = h('button', { class: 'quiet', type: 'button', onclick: () => shared.tried(session.history.loadThread(thread)) }, 'Load more replies');
    const dialog = openModal('Thread', () => [list, more, createBox(store, session, thread)], {
      wide: true,
      closed: () => {
        shown = null;
        if (store.thread === thread) store.update(() => (store.thread = null));
      },
    });
    dialog.classList.add('thread');
    const draw = () => {
      const rows = threadRows(store);
      const isGrown = rows.length > list.childElementCount;
      const create = (row) => createRow(row, actions);
      reconcile(list, rows, (row) => row.id, create, (element, row, before) => updateRow(element, row, before, actions));
      more.hidden = thread.isComplete || store.isLoadingThread;
      const body = list.parentElement;
      if (isGrown) body.scrollTop = body.scrollHeight;
    };
    dialog.querySelector('textarea').focus();
    return { thread, dialog, draw };
  }

  store.subscribe(() => {
    if (shown && shown.thread !== store.thread) shown.dialog.close();
    if (!store.thread) return;
    shown ??= open(store.thread);
    shown.draw();
  });
}

/** Where one replies; what was not sent is there again when the thread is. */
function createBox(store, session, thread) {
  const draft = `${thread.room}/${thread.seq}`;
  const box = h('textarea', { rows: 1, autocomplete: 'off', enterkeyhint: 'send', dir: 'auto', 'aria-label': 'Reply in the thread', placeholder: 'Reply' });
  const hint = h('p', { class: 'error', role: 'alert' });
  box.value = recall('drafts', {})[draft] ?? '';

  function submit() {
    const body = withoutControls(box.value);
    const excess = characterCount(body) - store.limits.max_body_len;
    setText(hint, excess > 0 ? `${excess.toLocaleString()} characters too many` : '');
    if (!body.trim() || excess > 0) return;
    session.outbox.post(thread.room, body, thread.seq);
    box.value = '';
    keep();
    box.focus();
  }

  function keep() {
    const { [draft]: _, ...others } = recall('drafts', {});
    remember('drafts', box.value ? { ...others, [draft]: box.value } : others);
  }

  box.addEventListener('input', keep);
  box.addEventListener('keydown', (event) => {
    // While an input method composes, Enter chooses a word.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });
  const form = h('form', { class: 'composer', novalidate: true }, hint, h('div', { class: 'composer-box' }, box, h('button', { class: 'primary', type: 'submit' }, 'Reply')));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  return form;
}
