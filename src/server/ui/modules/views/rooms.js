/** The list of rooms, the way to a new one, and who we are. */
import { byId, h, icon, reconcile, setText } from '../dom.js';
import { isDirect } from '../protocol.js';
import { paintAvatar } from './avatar.js';
import { opener } from './dialog.js';

/**
 * @param {import('../store.js').Store} store @param {import('../session.js').Session} session
 * @param {{closeDrawers: () => void, announce: (text: string) => void}} page
 */
export function roomsView(store, session, page) {
  const list = byId('rooms');
  const openDialog = opener(byId('room-dialog'), byId('room-form'), byId('room-error'), async () => {
    const visibility = byId('new-room-private').checked ? 'private' : 'public';
    const name = byId('new-room-name').value.trim().replace(/^#/u, '');
    if (!name) throw new Error('Please give the room a name.');
    await session.create(name, { topic: byId('new-room-topic').value.trim(), visibility });
    byId('room-form').reset();
    page.closeDrawers();
    return byId('message');
  });
  byId('new-room').addEventListener('click', () => {
    byId('private-field').hidden = store.you?.guest ?? true;
    byId('private-hint').hidden = !byId('private-field').hidden;
    openDialog();
  });
  byId('sign-out').addEventListener('click', () => session.signOut());

  async function open(name) {
    try {
      await session.open(name);
      page.closeDrawers();
      byId('message').focus();
    } catch (error) {
      page.announce(`${name}: ${error.message}`);
    }
  }

  function create(item) {
    const element = h(
      'li',
      {},
      h(
        'button',
        { class: 'room', type: 'button', onclick: () => open(item.name) },
        h('span', { class: 'hash', 'aria-hidden': 'true' }, item.isDirect ? '@' : item.isPrivate ? icon('lock') : '#'),
        h('bdi', { class: 'room-name' }, item.title),
        h('span', { class: 'badge' }),
        h('span', { class: 'people' }),
      ),
    );
    paint(element, item);
    return element;
  }

  function paint(element, item) {
    const button = element.firstElementChild;
    setText(button.querySelector('.room-name'), item.title);
    button.classList.toggle('joined', item.isJoined);
    button.classList.toggle('unread', item.unread > 0);
    button.ariaCurrent = item.isCurrent ? 'true' : null;
    button.title = item.topic;
    const badge = button.querySelector('.badge');
    badge.replaceChildren();
    if (item.unread) badge.append(String(Math.min(item.unread, 999)), h('span', { class: 'visually-hidden' }, ' unread'));
    const isOpen = !item.isJoined && item.memberCount > 0;
    setText(button.querySelector('.people'), isOpen ? String(item.memberCount) : '');
    button.querySelector('.people').title = isOpen ? `${item.memberCount} in the room; click to join` : '';
  }

  function update(element, item, before) {
    if (Object.keys(item).some((field) => item[field] !== before[field])) paint(element, item);
  }

  store.subscribe(() => {
    if (!store.you) return;
    reconcile(list, store.roomList.slice(0, MAX_SHOWN), (item) => item.name, create, update);
    setText(byId('you-name'), store.you.name);
    setText(byId('you-kind'), store.you.guest ? 'guest' : store.you.role ?? '');
    paintAvatar(byId('you-avatar'), store.you.name, 'small');
    const elsewhere = store.unread - (store.room?.unread ?? 0);
    byId('rooms-badge').hidden = elsewhere === 0;
    document.title = `${store.unread ? `(${store.unread}) ` : ''}${store.current ? `${title(store)} · ` : ''}chinwag`;
  });
}

function title(store) {
  return `${isDirect(store.current) ? '@' : '#'}${store.titleOf(store.current)}`;
}

/** A list longer than this is no list any more; other rooms are reached by their name through "New room". */
const MAX_SHOWN = 300;
