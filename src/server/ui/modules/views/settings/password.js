/** Another password. */
import { createForm } from '../form.js';
import { section } from '../section.js';

/** @param {import('../../session.js').Session} session */
export function passwordSection(session) {
  return section(
    'Password',
    createForm(
      [
        { name: 'password', label: 'Current password', type: 'password', autocomplete: 'current-password' },
        { name: 'new', label: 'New password', type: 'password', hint: '8 characters or more', autocomplete: 'new-password' },
      ],
      [
        {
          text: 'Change password',
          act: async (values) => {
            await session.request('password', values);
            return 'The password is changed. Your other sessions have ended.';
          },
        },
      ],
    ),
  );
}
