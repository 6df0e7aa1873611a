/** Dialogs that are made when they are opened, and gone when they are closed. */
import { h, icon } from '../dom.js';

/**
 * Opens a dialog; Escape, a click beside it and its button close it, and the focus goes back to where it was.
 * @param {string} title
 * @param {(close: () => void) => Node[]} build makes what is in it
 * @param {{wide?: boolean, closed?: () => void}} [options]
 * @returns {HTMLDialogElement}
 */
export function openModal(title, build, { wide = false, closed = () => {} } = {}) {
  counter += 1;
  const id = `modal-${counter}`;
  const dialog = h('dialog', { class: wide ? 'modal wide' : 'modal', 'aria-labelledby': id });
  const close = () => dialog.close();
  dialog.append(
    h(
      'div',
      { class: 'modal-head' },
      h('h2', { id, dir: 'auto' }, title),
      h('button', { class: 'icon-button', type: 'button', title: 'Close', onclick: close }, icon('close'), h('span', { class: 'visually-hidden' }, 'Close')),
    ),
    h('div', { class: 'modal-body' }, ...build(close)),
  );
  // A click counts where it began: who selects text and lets go outside did not mean to leave.
  dialog.addEventListener('pointerdown', (event) => event.target === dialog && close());
  dialog.addEventListener('close', () => {
    dialog.remove();
    // What opened it may be gone: somebody who was put out, a room that was removed.
    if (document.activeElement === document.body) document.getElementById('message').focus();
    closed();
  });
  document.body.append(dialog);
  dialog.showModal();
  // A dialog that asks for something begins there; a long one is read from its top.
  if (!wide) dialog.querySelector('.modal-body :is(input, select, textarea)')?.focus();
  return dialog;
}

/** Closes whatever dialog is open: the stay that it belongs to is over. */
export function closeAllModals() {
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
}

let counter = 0;
