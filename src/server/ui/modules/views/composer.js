/** Where messages are written. */
import { byId, setText } from '../dom.js';
import { recall, remember } from '../memory.js';
import { isDirect } from '../protocol.js';
import { characterCount, withoutControls } from '../text.js';
import { announce } from './toasts.js';

/** @param {import('../store.js').Store} store @param {import('../session.js').Session} session */
export function composerView(store, session) {
  const form = byId('composer');
  const box = byId('message');
  const hint = byId('composer-hint');
  const typing = byId('typing');
  /** The room whose draft is in the box. */
  let current = null;
  let waitTimer = 0;
  /** What is being answered or edited, as it is drawn. */
  let writing = null;
  const banner = byId('writing');

  byId('writing-cancel').addEventListener('click', cancel);

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && store.writing) {
      event.stopPropagation();
      cancel();
    } else if (event.key === 'ArrowUp' && !box.value && !store.writing) {
      editLatest(event);
    }
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
    const { kind, seq } = store.writing ?? {};
    const done = kind === 'edit' ? session.change('edit', { seq, body }) : session.send(body, seq);
    done.catch((error) => announce(error.message));
    store.update(() => (store.writing = null));
    // What was drafted before an edit comes back when it is drawn that nothing is edited.
    if (kind !== 'edit') {
      box.value = '';
      keepDraft();
    }
    fit();
    drawHint();
    box.focus();
  }

  function excess(body) {
    return characterCount(body) - store.limits.max_body_len;
  }

  function cancel() {
    store.update(() => (store.writing = null));
    box.focus();
  }

  function editLatest(event) {
    const latest = store.room?.messages.findLast((message) => message.from === store.you?.name && !message.deleted);
    if (!latest) return;
    event.preventDefault();
    store.update(() => (store.writing = { kind: 'edit', seq: latest.seq }));
  }

  function drawWriting() {
    if (store.writing === writing) return;
    const wasEdit = writing?.kind === 'edit';
    writing = store.writing;
    const message = writing && store.room?.message(writing.seq);
    banner.hidden = !message;
    if (message?.body !== undefined) {
      const isEdit = writing.kind === 'edit';
      setText(byId('writing-text'), isEdit ? 'Editing your message' : `Answering ${message.from}: ${message.body.slice(0, 80)}`);
      if (isEdit) box.value = message.body;
      box.focus();
    }
    if (wasEdit && writing?.kind !== 'edit') box.value = recall('drafts', {})[current] ?? '';
    fit();
  }

  function keepDraft() {
    // The new text of a message is no draft of another one.
    if (store.writing?.kind === 'edit') return;
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
    const seconds = Math.ceil(((store.room?.sendingAt ?? 0) - Date.now()) / 1000);
    hint.classList.toggle('over', over > 0);
    box.ariaInvalid = over > 0 ? 'true' : null;
    if (over > 0) setText(hint, `${over.toLocaleString()} characters too many`);
    else if (seconds > 0) setText(hint, `A little fast: sending goes on in ${seconds < 100 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`}`);
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
      box.placeholder = current ? `Message ${isDirect(current) ? '' : '#'}${store.titleOf(current)}` : '';
      fit();
    }
    drawWriting();
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
