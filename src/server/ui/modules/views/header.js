/** Above the log: which room this is, its topic, and the connection. */
import { byId, setText } from '../dom.js';
import { mayKeepOrder } from '../permissions.js';
import { isDirect } from '../protocol.js';
import { opener } from './dialog.js';

/** @param {import('../store.js').Store} store @param {import('../session.js').Session} session */
export function headerView(store, session) {
  const openTopic = opener(byId('topic-dialog'), byId('topic-form'), byId('topic-error'), () =>
    session.request('topic', { room: store.current, topic: byId('new-topic').value.trim() }),
  );
  byId('edit-topic').addEventListener('click', () => {
    byId('new-topic').value = store.room?.topic ?? '';
    openTopic();
  });

  store.subscribe(() => {
    const { room, status } = store;
    setText(byId('status'), status);
    byId('status').dataset.state = status;
    setText(byId('room-name'), room ? store.titleOf(room.name) : '');
    byId('room-hash').hidden = !room;
    setText(byId('room-hash'), room && isDirect(room.name) ? '@' : '#');
    setText(byId('topic'), room?.topic ?? '');
    byId('topic').title = room?.topic ?? '';
    byId('edit-topic').hidden = !mayKeepOrder(store);
  });
}
