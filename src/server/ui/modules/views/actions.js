/** What can be done with a message: react, answer, edit, delete. */
import { h, setText } from '../dom.js';

/** @typedef {import('../protocol.js').Message} Message */
/**
 * @typedef {object} Actions
 * @property {(key: string) => void} retry
 * @property {(key: string) => void} discard
 * @property {() => string | undefined} you
 * @property {(seq: number) => Message | undefined} message
 * @property {(message: Message) => boolean} mayDelete
 * @property {(message: Message) => void} reply
 * @property {(message: Message) => void} edit
 * @property {(message: Message) => void} delete
 * @property {(message: Message, emoji: string, on: boolean) => void} react
 * @property {(seq: number) => void} jump
 * @property {(message: Message) => void} openThread
 * @property {(done: Promise<any>) => Promise<void>} tried says why something was refused
 */

/** One button for each emoji, pressed where it is one's own. @param {Message} message @param {Actions} actions */
export function createReactions(message, actions) {
  const reactions = message.deleted ? [] : (message.reactions ?? []);
  const buttons = reactions.map(({ emoji, names, count }) => {
    const isOwn = names.includes(actions.you());
    const others = count > names.length ? ` and ${count - names.length} more` : '';
    return h(
      'button',
      {
        class: 'reaction',
        type: 'button',
        title: names.join(', ') + others,
        'aria-pressed': String(isOwn),
        'aria-label': `${emoji} by ${names.join(', ')}${others}`,
        onclick: () => actions.react(message, emoji, !isOwn),
      },
      h('span', { 'aria-hidden': 'true' }, `${emoji} ${count}`),
    );
  });
  return h('div', { class: 'reactions', hidden: buttons.length === 0 }, ...buttons);
}

/** A button that shows the others: a row of them at each message would be all that one sees. */
export function createActions(message, actions) {
  const box = h('div', { class: 'actions' });
  if (!message.seq || message.deleted) return box;
  const more = h('button', { class: 'more', type: 'button', title: 'Actions', 'aria-expanded': 'false' }, '⋯');
  more.ariaLabel = `Actions for the message of ${message.from}`;
  let bar = null;
  const close = (isFocused) => {
    // Removing what has the focus takes the focus away, which closes: there must be nothing left to close.
    const closing = bar;
    bar = null;
    closing?.remove();
    more.ariaExpanded = 'false';
    if (isFocused) more.focus();
  };
  more.addEventListener('click', () => {
    if (bar) {
      close(true);
      return;
    }
    // What can be done is asked for now: roles and names change.
    bar = createBar(message, actions, close);
    more.ariaExpanded = 'true';
    box.append(bar);
    bar.querySelector('button').focus();
  });
  box.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !bar) return;
    event.stopPropagation();
    close(true);
  });
  box.addEventListener('focusout', (event) => bar && !box.contains(event.relatedTarget) && close(false));
  box.append(more);
  return box;
}

function createBar(message, actions, close) {
  const act = (text, name, action) =>
    h(
      'button',
      {
        class: 'act',
        type: 'button',
        ...(name && { 'aria-label': name, title: name }),
        onclick: () => {
          close(false);
          action();
        },
      },
      text,
    );
  const isOwn = message.from === actions.you();
  return h(
    'div',
    { class: 'bar', role: 'group', 'aria-label': 'Actions' },
    ...QUICK.map((emoji) => act(emoji, `React with ${emoji}`, () => actions.react(message, emoji, true))),
    act('Reply', '', () => actions.reply(message)),
    act('Thread', '', () => actions.openThread(message)),
    isOwn && act('Edit', '', () => actions.edit(message)),
    actions.mayDelete(message) && deletion(message, actions, close),
  );
}

/** Deleting can't be undone: it takes two clicks. */
function deletion(message, actions, close) {
  const button = h('button', { class: 'act danger', type: 'button' }, 'Delete');
  let isSure = false;
  button.addEventListener('click', () => {
    if (!isSure) {
      isSure = true;
      setText(button, 'Really delete?');
      return;
    }
    close(false);
    actions.delete(message);
  });
  return button;
}

/** What most reactions are. */
const QUICK = ['👍', '❤️', '😂', '🎉'];
