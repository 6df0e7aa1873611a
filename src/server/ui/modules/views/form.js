/** Small forms: fields, one or more buttons, and a line that says how it went. */
import { h, setText } from '../dom.js';

/**
 * @typedef {object} Field
 * @property {string} name what its value is called
 * @property {string} label
 * @property {string} [type] as of `input`; `select` and `checkbox` too
 * @property {string} [hint]
 * @property {string} [value]
 * @property {[string, string][]} [options] of a `select`: value and words
 *
 * All else becomes an attribute of the field.
 *
 * @typedef {Record<string, string | boolean>} Values
 * @typedef {{text: string, act: (values: Values) => Promise<string | void>, danger?: boolean}} Button what `act`
 *   resolves to is said when it is done; why it rejects is said too, and the form stays as it is
 */

/** @param {Field[]} fields @param {Button[]} buttons the first is what Enter does @returns {HTMLFormElement} */
export function createForm(fields, buttons, attributes = {}) {
  const inputs = fields.map(createInput);
  const error = h('p', { class: 'error', role: 'alert' });
  const note = h('p', { class: 'note', role: 'status' });
  let isBusy = false;
  const form = h(
    'form',
    { class: 'small-form', novalidate: true, ...attributes },
    attributes['aria-label'] && h('p', { class: 'hint' }, attributes['aria-label']),
    ...fields.map((field, index) => labelled(field, inputs[index])),
    error,
    note,
    h(
      'div',
      { class: 'form-buttons' },
      ...buttons.map(({ text, danger }, index) =>
        h('button', { class: danger ? 'primary danger' : index ? 'quiet' : 'primary', type: index ? 'button' : 'submit', 'data-button': index }, text),
      ),
    ),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    run(buttons[0]);
  });
  form.addEventListener('click', ({ target }) => {
    const index = Number(target.closest('[data-button]')?.dataset.button ?? 0);
    if (index > 0) run(buttons[index]);
  });
  return form;

  async function run({ act }) {
    if (isBusy) return;
    isBusy = true;
    form.ariaBusy = 'true';
    setText(error, '');
    setText(note, '');
    try {
      const done = await act(Object.fromEntries(inputs.map((input) => [input.name, valueOf(input)])));
      for (const input of inputs) if (input.type === 'password' || 'once' in input.dataset) input.value = '';
      setText(note, done ?? '');
    } catch (refusal) {
      setText(error, refusal.message);
      inputs[0]?.focus();
    } finally {
      isBusy = false;
      form.ariaBusy = null;
    }
  }
}

/** Something to copy, all of it in sight: by its button, or by hand, as a press selects it. */
export function createCopy(label, value) {
  const box = h('textarea', { class: 'copy', readonly: true, rows: 1, spellcheck: 'false', onfocus: () => box.select() });
  box.value = value;
  return h('div', { class: 'copying' }, h('label', { class: 'field' }, h('span', {}, label), box), createCopyButton(box, 'Copy'));
}

/** A button that copies what is in a text box. @param {HTMLTextAreaElement} box @param {string} words */
export function createCopyButton(box, words) {
  const said = h('span', { role: 'status' });
  const button = h('button', { class: 'quiet', type: 'button' }, words);
  button.addEventListener('click', async () => {
    setText(said, '');
    setText(said, (await copied(box)) ? 'Copied.' : 'Please copy it by hand.');
  });
  return h('span', { class: 'copy-button' }, button, said);
}

async function copied(box) {
  try {
    await navigator.clipboard.writeText(box.value);
    return true;
  } catch {
    // Without TLS there is no clipboard for scripts; what is selected can still be copied.
    box.select();
    return document.execCommand('copy');
  }
}

function createInput({ name, label, type = 'text', hint, value, options, ...attributes }) {
  if (type === 'select') {
    const choices = options.map(([choice, words]) => h('option', { value: choice, selected: choice === value }, words));
    return h('select', { name, ...attributes }, ...choices);
  }
  const input = h('input', { name, type, dir: 'auto', ...attributes });
  if (type === 'checkbox') input.checked = Boolean(value);
  else input.value = value ?? '';
  return input;
}

function labelled({ label, type, hint }, input) {
  if (type === 'checkbox') return h('label', { class: 'check' }, input, h('span', {}, label));
  const head = hint ? h('span', { class: 'label-line' }, h('span', {}, label), h('small', { class: 'hint' }, hint)) : h('span', {}, label);
  return h('label', { class: 'field' }, head, input);
}

function valueOf(input) {
  return input.type === 'checkbox' ? input.checked : input.type === 'password' ? input.value : input.value.trim();
}
