/** One row of the log: a message, a day, a quiet line, a mark. */
import { h, icon, setText } from '../dom.js';
import { markdown } from '../markdown.js';
import { dayName, fullTime, shortTime } from '../text.js';
import { createActions, createReactions } from './actions.js';
import { avatar } from './avatar.js';

/** @typedef {import('../timeline.js').Row} Row */
/** @typedef {import('./actions.js').Actions} Actions */

/** @param {Row} row @param {Actions} actions @returns {Element} */
export function createRow(row, actions) {
  switch (row.kind) {
    case 'message':
      return createMessage(row, actions);
    case 'notice':
      // The member list says the same; read out, coming and going would drown the conversation.
      return h('div', { class: 'notice', 'aria-live': 'off' }, ...noticeText(row.notice));
    case 'day':
      return h('div', { class: 'day', role: 'separator' }, h('span', {}, dayName(row.at, new Date(Date.now()))));
    case 'new':
      return h('div', { class: 'new', role: 'separator' }, h('span', {}, 'New'));
    case 'gap':
      return h('div', { class: 'gap' }, 'You were away for longer than this page goes back. Earlier messages can be loaded.');
  }
}

/** @param {Element} element @param {Row} row @param {Row} before @param {Actions} actions */
export function updateRow(element, row, before, actions) {
  if (row.kind === 'notice' && row.text !== before.text) element.replaceChildren(...noticeText(row.notice));
  if (row.kind !== 'message') return;
  element.className = classes(row);
  if (row.message !== before.message) {
    const { at, body, edited_at, deleted } = row.message;
    if (at !== before.message.at) element.querySelector('time').replaceWith(time(at));
    if (body !== before.message.body || edited_at !== before.message.edited_at || deleted !== before.message.deleted) {
      element.querySelector('.body').replaceWith(createBody(row.message));
    }
    // Whether it can be acted on has changed too, when it became saved or was deleted.
    element.querySelector('.reactions').replaceWith(createReactions(row.message, actions));
    if (row.message.seq !== before.message.seq || deleted) {
      element.querySelector('.actions').replaceWith(createActions(row.message, actions));
      if (deleted) element.querySelector('.quote')?.remove();
    }
    element.dataset.seq = String(row.message.seq);
  }
  if (row.replyCount !== before.replyCount) element.querySelector('.replies').replaceWith(createReplies(row, actions));
  if (row.state !== before.state || row.reason !== before.reason) {
    element.querySelector('.state').replaceWith(createState(row, actions));
  }
}

function createMessage(row, actions) {
  const { message } = row;
  return h(
    'article',
    { class: classes(row), 'data-seq': message.seq, tabindex: -1 },
    avatar(message.from),
    h('div', { class: 'byline' }, h('bdi', { class: 'from' }, message.from), ' ', time(message.at)),
    h('div', { class: 'content' }, createQuote(message, actions), createBody(message), createReactions(message, actions), createReplies(row, actions)),
    createState(row, actions),
    createActions(message, actions),
  );
}

/** What the message answers: its beginning, as a way there. */
function createQuote({ reply_to: seq, deleted }, actions) {
  if (!seq || deleted) return null;
  const message = actions.message(seq);
  const text = !message ? 'an earlier message' : message.deleted ? 'a deleted message' : message.body.slice(0, QUOTE_LEN);
  return h(
    'button',
    { class: 'quote', type: 'button', dir: 'auto', onclick: () => actions.jump(seq) },
    h('span', { class: 'visually-hidden' }, 'In answer to '),
    message && h('bdi', { class: 'quoted' }, message.from),
    message && ' ',
    text,
  );
}

/** The way to the thread, where there is one. */
function createReplies({ message, replyCount }, actions) {
  const words = `${replyCount} ${replyCount === 1 ? 'reply' : 'replies'}`;
  return h('button', { class: 'replies', type: 'button', hidden: replyCount === 0, onclick: () => actions.openThread(message) }, words);
}

function classes({ isOwn, isMention, isContinued, state }) {
  return ['message', isOwn && 'own', isMention && 'mention', isContinued && 'continued', state].filter(Boolean).join(' ');
}

function time(at) {
  return h('time', { datetime: at, title: fullTime(at) }, shortTime(at));
}

function createBody({ body = '', deleted, edited_at }) {
  if (deleted) return h('div', { class: 'body deleted' }, 'This message was deleted.');
  const element = h('div', { class: 'body', dir: 'auto' }, ...markdown(body));
  if (edited_at) element.append(h('small', { class: 'edited', title: fullTime(edited_at) }, ' (edited)'));
  return body.length > LONG_BODY || body.split('\n', LONG_LINES + 1).length > LONG_LINES ? folded(element) : element;
}

/** A body that would fill the screen shows its beginning first. */
function folded(body) {
  const button = h('button', { class: 'quiet unfold', type: 'button', 'aria-expanded': 'false' }, 'Show all');
  button.addEventListener('click', () => {
    const isOpen = body.classList.toggle('folded') === false;
    button.ariaExpanded = String(isOpen);
    setText(button, isOpen ? 'Show less' : 'Show all');
  });
  body.classList.add('folded');
  return h('div', { class: 'body-frame body' }, h('div', {}, body), button);
}

function createState({ state, reason, message }, { retry, discard }) {
  if (state === 'failed') {
    return h(
      'div',
      { class: 'state' },
      h('span', { role: 'alert' }, `Not sent. ${reason}`),
      h('button', { class: 'quiet', type: 'button', onclick: () => retry(message.key) }, 'Try again'),
      h('button', { class: 'quiet', type: 'button', onclick: () => discard(message.key) }, 'Discard'),
    );
  }
  const element = h('div', { class: 'state' });
  if (state === 'sending') element.append(icon('clock'), h('span', { class: 'visually-hidden' }, 'sending'));
  if (state === 'saved') element.append(icon('check'), h('span', { class: 'visually-hidden' }, 'saved'));
  if (state) element.title = state;
  return element;
}

/** "ada and bob joined · eve left", each name kept apart from the text's direction. */
function noticeText({ text, people }) {
  if (text) return [h('bdi', {}, text)];
  const byState = new Map();
  for (const [name, state] of people) byState.set(state, [...(byState.get(state) ?? []), name]);
  return [...byState].flatMap(([state, names], index) => [
    ...(index ? [' · '] : []),
    ...names.slice(0, NAMES_SHOWN).flatMap((name, place) => [...(place ? [', '] : []), h('bdi', {}, name)]),
    names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more ` : ' ',
    ...(state.startsWith('is now ') ? ['is now ', h('bdi', {}, state.slice('is now '.length))] : [state]),
  ]);
}

const NAMES_SHOWN = 5;
const QUOTE_LEN = 140;
/** UTF-16 units and lines from which a body is folded. */
const LONG_BODY = 2500;
const LONG_LINES = 30;
