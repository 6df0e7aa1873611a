/** A device that shows codes, asked for beside the password. */
import { h, setText } from '../../dom.js';
import { createCopy, createCopyButton, createForm } from '../form.js';
import { createQrCode } from '../qr.js';
import { section } from '../section.js';

/** @param {import('../../session.js').Session} session */
export function secondFactorSection(session) {
  const place = h('div');
  const error = h('p', { class: 'error', role: 'alert' });
  const steps = {
    show: (...nodes) => place.replaceChildren(...nodes),
    off: (note = '') => steps.show(...setUp(session, steps, note)),
    on: () => steps.show(...switchOff(session, steps)),
  };
  session.request('sessions').then(
    ({ totp }) => (totp ? steps.on() : steps.off()),
    (refusal) => setText(error, refusal.message),
  );
  return section('Second factor', place, error);
}

const PASSWORD = { name: 'password', label: 'Your password', type: 'password', autocomplete: 'current-password' };

function setUp(session, steps, note) {
  const begin = async (values) => {
    const begun = await session.request('totp_begin', values);
    steps.show(...confirm(session, steps, begun));
  };
  return [
    h('p', { class: 'note', role: 'status' }, note),
    h('p', { class: 'hint' }, 'It is off. When it is on, logging in takes a code from an app on your phone as well as your password.'),
    createForm([PASSWORD], [{ text: 'Set up', act: begin }]),
  ];
}

function switchOff(session, steps) {
  const disable = async (values) => {
    await session.request('totp_disable', values);
    steps.off('The second factor is switched off.');
  };
  return [
    h('p', { class: 'hint' }, 'It is on: logging in takes a code from your app as well as your password.'),
    createForm([PASSWORD], [{ text: 'Switch off', act: disable, danger: true }]),
  ];
}

function confirm(session, steps, { secret, uri, qr }) {
  const check = async (values) => {
    const { recovery_codes: codes } = await session.request('totp_confirm', values);
    steps.show(...confirmed(codes, steps.on));
  };
  const code = { name: 'totp', label: 'Code that the app shows', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: 6 };
  return [
    h('p', {}, 'Scan this with an authenticator app on your phone:'),
    createQrCode(qr, 'QR code for your authenticator app'),
    h('p', { class: 'only-touch' }, h('a', { href: uri }, 'Or open it in an app on this device')),
    createCopy('Or type this secret into the app', secret.replace(/(.{4})(?=.)/gu, '$1 ')),
    createForm([code], [
      { text: 'Confirm', act: check },
      { text: 'Not now', act: async () => steps.off() },
    ]),
  ];
}

/** They are shown this once: the server keeps hashes. */
function confirmed(codes, done) {
  const text = codes.join('\n');
  const box = h('textarea', { class: 'copy codes', readonly: true, rows: codes.length, 'aria-label': 'Recovery codes', onfocus: () => box.select() });
  box.value = text;
  const file = `data:text/plain;charset=utf-8,${encodeURIComponent(`Recovery codes for ${location.host}\n\n${text}\n`)}`;
  return [
    h('p', { role: 'status' }, 'The second factor is on. If you lose your phone, one of these recovery codes lets you in instead; each works once. Save them now: they are not shown again.'),
    box,
    h(
      'div',
      { class: 'form-buttons' },
      h('button', { class: 'primary', type: 'button', onclick: done }, 'I have saved them'),
      createCopyButton(box, 'Copy'),
      h('a', { class: 'quiet link-button', href: file, download: 'chinwag-recovery-codes.txt' }, 'Download'),
    ),
  ];
}
