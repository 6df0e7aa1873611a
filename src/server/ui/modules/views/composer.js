/** Where messages are written. */
import { byId, setText } from '../dom.js';
import { recall, remember } from '../memory.js';
import { characterCount, withoutControls } from '../text.js';

/** @param {import('../store.js').Store} store @param {import('../session.js').Session} session */
export function composerView(store, session) {
  const form = byId('composer');
  const box = byId('message');
  const hint = byId('composer-hint');
  const typing = byId('typing');
  /** The room whose draft is in the box. */
  let current = null;
  let waitTimer = 0;

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  box.addEventListener('keydown', (event) => {
    // While an input method composes, Enter chooses a word.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });
  box.addEventListener('input', () => {
    fit();
    drawHint();
    keepDraft();
    if (box.value.trim()) session.typing();
  });

  function submit() {
    const body = withoutControls(box.value);
    if (!store.room || !body.trim() || excess(body) > 0) return;
    session.send(body);
    box.value = '';
    keepDraft();
    fit();
    drawHint();
    box.focus();
  }

  function excess(body) {
    return characterCount(body) - store.limits.max_body_len;
  }

  function keepDraft() {
    const { [current]: _, ...others } = recall('drafts', {});
    remember('drafts', box.value ? { ...others, [current]: box.value } : others);
  }

  /** The box grows with what is in it, up to the height that its style allows. */
  function fit() {
    if (CSS.supports('field-sizing', 'content')) return;
    box.style.height = 'auto';
    box.style.height = `${box.scrollHeight}px`;
  }

  function drawHint() {
    const over = excess(withoutControls(box.value));
    const isNear = -over < store.limits.max_body_len / 10;
    const seconds = Math.ceil((store.sendingAt - Date.now()) / 1000);
    hint.classList.toggle('over', over > 0);
    box.ariaInvalid = over > 0 ? 'true' : null;
    if (over > 0) setText(hint, `${over.toLocaleString()} characters too many`);
    else if (seconds > 0) setText(hint, `A little fast: sending goes on in ${seconds} s`);
    else if (isNear) setText(hint, `${(-over).toLocaleString()} characters left`);
    else setText(hint, '');
    clearTimeout(waitTimer);
    if (seconds > 0) waitTimer = setTimeout(drawHint, 250);
  }

  function drawTyping() {
    const names = [...(store.room?.typing.keys() ?? [])];
    setText(typing, names.length ? typingText(names) : '');
  }

  store.subscribe(() => {
    if (form.hidden === Boolean(store.room)) {
      form.hidden = !store.room;
      // Entering ends here; who has gone elsewhere meanwhile stays there.
      if (store.room && document.activeElement === document.body) box.focus();
    }
    if (store.current !== current) {
      current = store.current;
      box.value = recall('drafts', {})[current] ?? '';
      box.placeholder = current ? `Message #${current}` : '';
      fit();
    }
    drawHint();
    drawTyping();
  });
}

function typingText(names) {
  if (names.length > 3) return 'Several people are typing…';
  // Isolates keep a right-to-left name from turning the sentence around.
  const isolated = names.map((name) => `\u2068${name}\u2069`);
  return `${isolated.join(', ')} ${names.length === 1 ? 'is' : 'are'} typing…`;
}
