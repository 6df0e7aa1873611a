/** What the page's dialogs have in common: open, submit once, show the refusal, close. */
import { setText } from '../dom.js';

/**
 * Wires a dialog and its form.
 * @param {HTMLDialogElement} dialog @param {HTMLFormElement} form @param {Element} error
 * @param {() => Promise<HTMLElement | void>} submit its rejection is shown, and the dialog stays; its result gets the
 *   focus
 * @returns {() => void} opens the dialog
 */
export function opener(dialog, form, error, submit) {
  let isBusy = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    setText(error, '');
    try {
      const next = await submit();
      // Closing gives the focus back to the button that opened the dialog; moving on comes after.
      dialog.close();
      next?.focus();
    } catch (refusal) {
      setText(error, refusal.message);
      form.querySelector('input').focus();
    } finally {
      isBusy = false;
    }
  });
  dialog.querySelector('[data-close-dialog]').addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  return () => {
    setText(error, '');
    dialog.showModal();
    form.querySelector('input').focus();
  };
}
