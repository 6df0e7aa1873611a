/** The dialog in which a room is looked after: what one may do there, and nothing else. */
import { byId, h } from '../dom.js';
import { mayInvite, mayKeepOrder, mayOwn } from '../permissions.js';
import { LOBBY, isDirect } from '../protocol.js';
import { MUTES, bansSection } from './bans.js';
import { openModal } from './modal.js';
import { auditSection } from './room/audit.js';
import { inviteSection } from './room/invite.js';
import { removalSection } from './room/removal.js';
import { keptFor, retentionSection } from './room/retention.js';
import { slowModeSection, topicSection } from './room/rules.js';

/**
 * @param {import('../store.js').Store} store @param {import('../session.js').Session} session
 * @param {{closeDrawers: () => void}} page
 */
export function roomSettingsView(store, session, page) {
  const button = byId('room-settings');
  button.addEventListener('click', () => {
    const { room } = store;
    openModal(`Room #${room.name}`, (close) => [lead(room), ...sections(room, () => (close(), page.closeDrawers()))], { wide: true });
  });

  function sections(room, close) {
    return [
      mayKeepOrder(store) && topicSection(session, room),
      mayInvite(store) && inviteSection(session, room, room.visibility === 'private' && mayKeepOrder(store)),
      mayKeepOrder(store) && slowModeSection(session, room),
      mayKeepOrder(store) && bansSection(session, room.name).element,
      mayKeepOrder(store) && bansSection(session, room.name, MUTES).element,
      mayKeepOrder(store) && auditSection(session, room.name),
      mayOwn(store) && retentionSection(session, room),
      mayOwn(store) && room.name !== LOBBY && removalSection(session, room, close),
    ].filter(Boolean);
  }

  store.subscribe(() => {
    const { room } = store;
    button.hidden = !room || isDirect(room.name) || !(mayInvite(store) || mayKeepOrder(store));
  });
}

function lead(room) {
  const kind = room.visibility === 'private' ? 'Private: people come by invitation.' : 'Public: everybody sees it and may come.';
  const keeping = room.retentionDays ? ` Messages are kept ${keptFor(room.retentionDays)}.` : '';
  return h('p', { class: 'dialog-lead' }, kind + keeping);
}
