/** A device that shows codes, asked for beside the password. */
import { h } from '../../dom.js';
import { createCopy, createForm } from '../form.js';
import { section } from '../section.js';

/** @param {import('../../session.js').Session} session */
export function secondFactorSection(session) {
  const place = h('div');
  const start = () => place.replaceChildren(...beginning(session, place, start));
  start();
  return section('Second factor', place);
}

function beginning(session, place, start) {
  return [
    h('p', { class: 'hint' }, 'With a second factor, entering asks for a code from an app on your phone as well.'),
    createForm(
      [{ name: 'password', label: 'Your password', type: 'password', autocomplete: 'current-password' }],
      [
        {
          text: 'Set up',
          act: async (values) => {
            const begun = await session.request('totp_begin', values);
            place.replaceChildren(...confirming(session, begun, place, start));
            place.querySelector('input').focus();
          },
        },
        {
          text: 'Switch off',
          act: async (values) => {
            await session.request('totp_disable', values);
            return 'The second factor is switched off.';
          },
        },
      ],
    ),
  ];
}

function confirming(session, { secret, uri }, place, start) {
  return [
    h('p', {}, 'Open this link on the device, or type the secret into its app:'),
    h('p', {}, h('a', { href: uri }, 'Add to an app on this device')),
    createCopy('Secret', secret.replace(/(.{4})(?=.)/gu, '$1 ')),
    createForm(
      [{ name: 'totp', label: 'Code that it shows', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: 6 }],
      [
        {
          text: 'Confirm',
          act: async (values) => {
            const { recovery_codes: codes } = await session.request('totp_confirm', values);
            place.replaceChildren(...confirmed(codes, start));
            place.querySelector('button').focus();
          },
        },
        { text: 'Not now', act: async () => start() },
      ],
    ),
  ];
}

/** They are shown this once: the server keeps hashes. */
function confirmed(codes, start) {
  return [
    h('p', { role: 'status' }, 'The second factor is on. Keep these recovery codes where you find them without your device; each is good once, and they are not shown again:'),
    h('ul', { class: 'codes', 'aria-label': 'Recovery codes' }, ...codes.map((code) => h('li', {}, h('code', {}, code)))),
    h('button', { class: 'primary', type: 'button', onclick: start }, 'I have kept them'),
  ];
}
