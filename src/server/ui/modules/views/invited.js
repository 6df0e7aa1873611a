/** Coming into a private room: by a link, or by what somebody passed on. */
import { byId } from '../dom.js';
import { invitationIn } from '../invitation.js';
import { createForm } from './form.js';
import { openModal } from './modal.js';

/**
 * @param {import('../store.js').Store} store @param {import('../session.js').Session} session
 * @param {{closeDrawers: () => void}} page
 */
export function invitedView(store, session, page) {
  /** An invitation in the address waits until one has come in. */
  let waiting = invitationIn(location.hash);

  byId('have-invite').addEventListener('click', () => {
    byId('room-dialog').close();
    open({ room: '', invite: '' });
  });
  globalThis.addEventListener('hashchange', () => {
    waiting = invitationIn(location.hash) ?? waiting;
    offer();
  });
  store.subscribe(offer);

  function offer() {
    if (!waiting || !store.you || store.status !== 'connected') return;
    const invitation = waiting;
    waiting = null;
    history.replaceState(null, '', location.pathname);
    open(invitation);
  }

  function open({ room, invite }) {
    const isComplete = invite !== '';
    openModal('Join by invitation', (close) => [
      createForm(
        [
          { name: 'invite', label: 'Link or code', value: invite, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' },
          { name: 'room', label: 'Room', hint: 'not needed with a link', value: room, maxlength: 64, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' },
        ],
        [
          {
            text: isComplete ? `Join #${room}` : 'Join',
            act: async (values) => {
              const named = invitationIn(values.invite) ?? values;
              if (!named.room) throw new Error('Please say which room the code is for.');
              await session.accept(named.room, named.invite);
              close();
              page.closeDrawers();
              byId('message').focus();
            },
          },
          { text: 'Cancel', act: async () => close() },
        ],
      ),
    ]);
  }
}
