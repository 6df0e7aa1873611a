/** Above the log: which room this is, its topic, the connection, and the search in what is loaded. */
import { byId, setText } from '../dom.js';
import { matches } from '../timeline.js';
import { opener } from './dialog.js';

/** @param {import('../store.js').Store} store @param {import('../session.js').Session} session */
export function headerView(store, session) {
  const search = byId('search');
  const searchBox = byId('search-box');
  const searchButton = byId('search-button');
  const note = byId('search-note');

  const openTopic = opener(byId('topic-dialog'), byId('topic-form'), byId('topic-error'), () =>
    session.setTopic(byId('new-topic').value.trim()),
  );
  byId('edit-topic').addEventListener('click', () => {
    byId('new-topic').value = store.room?.topic ?? '';
    openTopic();
  });

  search.addEventListener('input', () => store.update(() => (store.query = search.value)));
  search.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    closeSearch();
  });
  searchButton.addEventListener('click', () => {
    if (searchBox.classList.contains('open')) closeSearch();
    else {
      searchBox.classList.add('open');
      searchButton.ariaExpanded = 'true';
      search.focus();
    }
  });

  function closeSearch() {
    store.update(() => (store.query = ''));
    searchBox.classList.remove('open');
    searchButton.ariaExpanded = 'false';
    (searchButton.checkVisibility?.() ? searchButton : byId('message')).focus();
  }

  function describeSearch(room) {
    const query = store.query.trim().toLocaleLowerCase();
    note.hidden = !query;
    if (!query) return;
    const found = room?.messages.filter((message) => matches(message, query)).length ?? 0;
    const loaded = room?.messages.length ?? 0;
    const rest = room?.more ? ' Older ones are not searched until you load them.' : '';
    setText(note, `${found} of the ${loaded} messages loaded here contain “${store.query.trim()}”.${rest}`);
  }

  store.subscribe(() => {
    const { room, status } = store;
    setText(byId('status'), status);
    byId('status').dataset.state = status;
    setText(byId('room-name'), room?.name ?? '');
    byId('room-hash').hidden = !room;
    setText(byId('topic'), room?.topic ?? '');
    byId('topic').title = room?.topic ?? '';
    byId('edit-topic').hidden = !store.mayEditTopic;
    if (search.value !== store.query) search.value = store.query;
    describeSearch(room);
  });
}
