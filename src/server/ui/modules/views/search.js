/** The search over all rooms, and its results, each a way to its message. */
import { byId, h, setText } from '../dom.js';
import { ServerError, isDirect } from '../protocol.js';
import { fullTime, shortDate } from '../text.js';

/** @param {import('../store.js').Store} store @param {import('../session.js').Session} session */
export function searchView(store, session) {
  const box = byId('search');
  const frame = byId('search-box');
  const button = byId('search-button');
  const note = byId('search-note');
  const panel = byId('results-panel');
  const results = byId('results');
  const more = byId('results-more');
  let timer = 0;
  /** Counts searches: an answer to any but the newest is not shown. */
  let newest = 0;

  box.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => run(), DELAY);
  });
  for (const element of [box, panel]) {
    element.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      close();
      (button.checkVisibility?.() ? button : byId('message')).focus();
    });
  }
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') run();
    const first = results.querySelector('button');
    if (event.key === 'ArrowDown' && first) {
      event.preventDefault();
      first.focus();
    }
  });
  button.addEventListener('click', () => {
    if (frame.classList.contains('open')) {
      close();
      return;
    }
    frame.classList.add('open');
    button.ariaExpanded = 'true';
    box.focus();
  });

  /** Searches for what is in the box, or on from where the results end. */
  async function run(before) {
    clearTimeout(timer);
    newest += 1;
    const number = newest;
    const query = box.value.trim() && box.value;
    if (!query) {
      show(null);
      return;
    }
    try {
      const answer = await session.history.search(query, before);
      if (number === newest) show(answer, before);
    } catch (error) {
      if (number !== newest) return;
      show({ messages: [] });
      setText(note, error instanceof ServerError && error.code !== 'empty' ? error.message : 'Nothing found.');
    }
  }

  function show(answer, before) {
    panel.hidden = !answer;
    note.hidden = !answer;
    if (!before) results.replaceChildren();
    if (!answer) return;
    results.append(...answer.messages.map(result));
    const count = results.childElementCount;
    setText(note, count ? `${count}${answer.next ? ' or more' : ''} found, newest first.` : 'Nothing found.');
    more.hidden = !answer.next;
    more.onclick = () => run(answer.next);
  }

  function result(found) {
    const open = h(
      'button',
      { class: 'result', type: 'button' },
      h(
        'span',
        { class: 'result-head' },
        h('bdi', { class: 'result-from' }, found.from),
        ' in ',
        h('bdi', {}, isDirect(found.room) ? `a conversation with ${store.titleOf(found.room)}` : `#${found.room}`),
        ' ',
        h('time', { datetime: found.at, title: fullTime(found.at) }, shortDate(found.at)),
      ),
      h('span', { class: 'result-body', dir: 'auto' }, ...marked(found)),
    );
    open.addEventListener('click', async () => {
      close();
      try {
        await session.jump(found.room, found.seq);
      } catch (error) {
        note.hidden = false;
        setText(note, error.message);
      }
    });
    return h('li', {}, open);
  }

  function close() {
    clearTimeout(timer);
    newest += 1;
    box.value = '';
    show(null);
    frame.classList.remove('open');
    button.ariaExpanded = 'false';
  }

  store.subscribe(() => store.you === null && close());
}

/** The body with its marks, from a little before the first one. Marks count characters, not UTF-16 units. */
function marked({ body, marks = [] }) {
  const characters = [...body];
  let at = Math.max(0, (marks[0]?.[0] ?? 0) - CONTEXT);
  const nodes = at > 0 ? ['…'] : [];
  const end = Math.min(characters.length, at + SHOWN);
  for (const [start, length] of marks) {
    if (start >= end) break;
    nodes.push(characters.slice(at, start).join(''), h('mark', {}, characters.slice(start, start + length).join('')));
    at = start + length;
  }
  if (at < end) nodes.push(characters.slice(at, end).join(''));
  if (end < characters.length) nodes.push('…');
  return nodes;
}

/** Milliseconds after the last key. */
const DELAY = 300;
/** Characters shown of a body, and of those before the first mark. */
const SHOWN = 300;
const CONTEXT = 60;
