/** On narrow screens the side panels are drawers: one open at a time, closed by Escape or a tap beside them. */
import { byId } from '../dom.js';

export function drawers() {
  const backdrop = byId('backdrop');
  const main = byId('main');
  const all = ['rooms', 'members'].map((name) => ({ panel: byId(`${name}-panel`), button: byId(`${name}-button`) }));

  for (const { panel, button } of all) {
    button.addEventListener('click', () => open(panel, button));
    panel.querySelector('[data-close-drawer]').addEventListener('click', close);
  }
  backdrop.addEventListener('click', close);
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !document.querySelector('dialog[open]')) close();
  });
  // Wide enough for panels again: nothing must stay inert behind a drawer that is none.
  for (const width of ['(min-width: 721px)', '(min-width: 1041px)']) matchMedia(width).addEventListener('change', close);

  function open(panel, button) {
    close();
    panel.classList.add('open');
    button.ariaExpanded = 'true';
    backdrop.hidden = false;
    main.inert = true;
    panel.querySelector('button:not([hidden])').focus();
  }

  function close() {
    const shown = all.find(({ panel }) => panel.classList.contains('open'));
    if (!shown) return;
    main.inert = false;
    backdrop.hidden = true;
    shown.panel.classList.remove('open');
    shown.button.ariaExpanded = 'false';
    shown.button.focus();
  }

  return { close };
}
