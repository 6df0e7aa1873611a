/** Who is in the room, and what can be done about each. */
import { byId, h, reconcile, setText } from '../dom.js';
import { avatar } from './avatar.js';
import { deedsFor, isMuted } from './deeds.js';
import { openMenu } from './menu.js';

/**
 * @param {import('../store.js').Store} store @param {import('../session.js').Session} session
 * @param {{closeDrawers: () => void, announce: (text: string) => void}} page
 */
export function membersView(store, session, page) {
  byId('leave').addEventListener('click', async () => {
    const name = store.current;
    try {
      await session.leave(name);
      page.closeDrawers();
    } catch (error) {
      page.announce(`${store.titleOf(name)}: ${error.message}`);
    }
  });

  store.subscribe(() => {
    const { room } = store;
    const members = sorted(room?.members ?? [], store.you?.name).slice(0, MAX_SHOWN);
    reconcile(byId('members'), members.map(describe), (item) => item.name, create, update);
    const count = room?.memberCount ?? 0;
    setText(byId('member-count'), count ? count.toLocaleString() : '');
    const hiddenCount = count - members.length;
    byId('members-more').hidden = hiddenCount <= 0;
    setText(byId('members-more'), `and ${hiddenCount.toLocaleString()} more`);
    byId('leave').hidden = !room;
    setText(byId('leave'), `Leave ${room ? store.titleOf(room.name) : 'room'}`);
  });

  function describe(member) {
    const rank = RANKS[member.role] ?? SERVER_RANKS[member.server_role];
    const marks = [member.name === store.you?.name && 'you', rank, member.guest && 'guest', member.online === false && 'away'];
    return { name: member.name, mark: marks.filter(Boolean).join(' · '), canAct: deedsFor(store, session, member, page, false).length > 0 };
  }

  /** A button where there is anything to do; what that is, is found out when it is pressed. */
  function create({ name, mark, canAct }) {
    const contents = [avatar(name, 'small'), h('span', { class: 'member-text' }, h('bdi', { class: 'member-name' }, name), h('small', {}, mark))];
    if (!canAct) return h('li', {}, h('div', { class: 'member' }, ...contents));
    const button = h('button', { class: 'member', type: 'button', 'aria-haspopup': 'menu', 'aria-expanded': 'false' }, ...contents);
    button.addEventListener('click', async () => {
      const { room } = store;
      const member = room?.member(name);
      if (!member || button.ariaBusy) return;
      const { activeElement } = document;
      button.ariaBusy = 'true';
      const items = deedsFor(store, session, member, page, await isMuted(store, session, member));
      button.ariaBusy = null;
      // Who has gone on to something else meanwhile is not called back.
      const isWanted = button.isConnected && store.room === room && document.activeElement === activeElement;
      if (isWanted && items.length) openMenu(button, `What to do with ${name}`, items);
    });
    return h('li', {}, button);
  }

  function update(element, item, before) {
    if (item.canAct !== before.canAct) element.replaceChildren(...create(item).childNodes);
    else if (item.mark !== before.mark) setText(element.querySelector('small'), item.mark);
  }
}

/** We come first, then by rank, then by name; who is away comes last. */
function sorted(members, you) {
  const rank = (member) => (member.online === false ? AWAY : member.name === you ? -1 : ORDER.indexOf(member.role) >>> 0);
  return [...members].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

const ORDER = ['owner', 'op'];
const AWAY = Infinity;
const RANKS = { owner: 'owner', op: 'op' };
const SERVER_RANKS = { owner: 'server owner', op: 'server op' };
/** More names than anybody reads, and few enough to draw at once. */
const MAX_SHOWN = 200;
