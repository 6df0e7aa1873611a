/** What a guest can become: somebody of another name, or the owner of an account. */
import { createForm } from '../form.js';
import { section } from '../section.js';

/**
 * @param {import('../../store.js').Store} store @param {import('../../session.js').Session} session
 * @param {() => void} close
 */
export function guestSections(store, session, close) {
  const name = { name: 'name', value: store.you.name, maxlength: 64, autocapitalize: 'off', spellcheck: 'false' };
  return [
    section(
      'Your name',
      createForm(
        [{ ...name, label: 'New name', autocomplete: 'nickname' }],
        [
          {
            text: 'Change name',
            act: async (values) => {
              await session.become('hello', values);
              return `You are ${store.you.name} now.`;
            },
          },
        ],
      ),
    ),
    section(
      'Create an account',
      createForm(
        [
          { ...name, label: 'Account name', autocomplete: 'username' },
          { name: 'password', label: 'Account password', type: 'password', hint: '8 characters or more', autocomplete: 'new-password' },
          { name: 'invite', label: 'Invitation', hint: 'only if this server asks for one', maxlength: 64, autocomplete: 'off' },
        ],
        [
          {
            text: 'Create account',
            act: async ({ invite, ...values }) => {
              await session.become('register', { ...values, ...(invite && { invite }) });
              close();
            },
          },
        ],
      ),
    ),
  ];
}
