/** The messages of the room on screen, and where the reader is in them. */
import { byId, h, reconcile, setText } from '../dom.js';
import { isDirect } from '../protocol.js';
import { timeline } from '../timeline.js';
import { createRow, updateRow } from './message.js';
import { messageActions } from './message_actions.js';
import { keptFor } from './room/retention.js';

/**
 * @param {import('../store.js').Store} store @param {import('../session.js').Session} session
 * @param {{announce: (text: string) => void}} page
 */
export function logView(store, session, page) {
  const log = byId('log');
  const rows = byId('rows');
  const loadEarlier = byId('load-earlier');
  const actions = messageActions(store, session, page);
  const { tried } = actions;
  /** What is drawn: to notice a change of room, older messages on top, and own new ones. */
  let drawn = { room: null, first: 0, lastPending: '' };
  let lastTop = 0;

  loadEarlier.addEventListener('click', load);
  byId('jump').addEventListener('click', () => {
    if (store.room?.later) tried(session.history.toLatest());
    else toEnd();
    byId('message').focus();
  });
  log.addEventListener('scroll', () => {
    const isUpwards = log.scrollTop < lastTop;
    reached();
    lastTop = log.scrollTop;
    if (isUpwards && log.scrollTop < LOAD_DISTANCE) load();
    if (!isUpwards && isNearEnd() && store.room?.later) tried(session.history.loadLater());
  });
  rows.addEventListener('click', (event) => {
    // Who unfolds a long message wants to read it from where it stands.
    if (store.room && event.target.closest('.unfold')) store.update(() => (store.room.isAtEnd = isNearEnd()));
  });
  new ResizeObserver(() => store.room?.isAtEnd && toEnd()).observe(log);
  document.addEventListener('visibilitychange', reached);

  function load() {
    return tried(session.history.loadEarlier());
  }

  /** Follows from where the log stands: at the end or not, everything seen or not. */
  function reached() {
    const { room } = store;
    if (!room) return;
    const isAtEnd = !room.later && (isNearEnd() || (room.isAtEnd && !hasScrolledUp()));
    if (isAtEnd !== room.isAtEnd) store.update(() => (room.isAtEnd = isAtEnd));
    if (isAtEnd) session.reading.seen();
  }

  function isNearEnd() {
    return log.scrollHeight - log.scrollTop - log.clientHeight < END_DISTANCE;
  }

  /**
   * Only going up leaves the end; a log that became smaller, or taller, is followed. Asked before drawing too, as the
   * event of a scroll comes a frame after it, and drawing in between must not pull the reader back.
   */
  function hasScrolledUp() {
    return log.scrollTop < lastTop - 1 && !isNearEnd();
  }

  function toEnd() {
    log.scrollTop = log.scrollHeight;
    lastTop = log.scrollTop;
    reached();
  }

  function draw() {
    const { room } = store;
    const items = timeline(store);
    const next = {
      room: room ?? null,
      first: room?.messages[0]?.seq ?? 0,
      lastPending: store.pending.findLast((pending) => pending.room === room?.name)?.key ?? '',
    };
    const isOtherRoom = next.room !== drawn.room;
    const isOwnNew = next.lastPending !== '' && next.lastPending !== drawn.lastPending;
    // Only what is said now is worth reading out, not pages of what was said before.
    log.ariaLive = isOtherRoom || next.first !== drawn.first ? 'off' : 'polite';
    if (!isOtherRoom && room && hasScrolledUp()) room.isAtEnd = false;
    const anchor = isOtherRoom || room?.isAtEnd || isOwnNew ? null : firstVisible();
    drawn = next;

    drawTop(room);
    const create = (row) => createRow(row, actions);
    const update = (element, row, before) => updateRow(element, row, before, actions);
    reconcile(rows, items, (row) => row.id, create, update);

    if (toTarget()) reached();
    else if (anchor) log.scrollTop += anchor.element.getBoundingClientRect().top - anchor.top;
    else if (isOtherRoom && room?.unread && rows.querySelector('.new')) toDivider();
    else toEnd();
    lastTop = log.scrollTop;
    drawJump(room);
  }

  function drawTop(room) {
    loadEarlier.hidden = !room?.more;
    setText(loadEarlier, store.isLoadingEarlier ? 'Loading earlier messages…' : 'Load earlier messages');
    const start = byId('log-start');
    const isArriving = !room && store.status !== 'connected';
    start.hidden = Boolean(room?.more) || isArriving;
    const shown = room ? `${room.name} ${room.retentionDays}` : '';
    if (start.childElementCount > 0 && start.dataset.shown === shown) return;
    start.dataset.shown = shown;
    start.replaceChildren(...beginning(room));
  }

  function drawJump(room) {
    const isAway = Boolean(room) && !room.isAtEnd;
    byId('jump').hidden = !isAway;
    if (!isAway) return;
    const { unread } = room;
    setText(byId('jump-text'), unread ? `${unread} new ${unread === 1 ? 'message' : 'messages'}` : 'Latest messages');
    byId('jump').classList.toggle('has-unread', unread > 0);
  }

  /** Goes to the message that was jumped to, and gives it the focus; `false`: there is none. */
  function toTarget() {
    const { target, room } = store;
    if (!target || target.room !== room?.name) return false;
    const element = rows.querySelector(`[data-seq="${Number(target.seq)}"]`);
    if (!element) return false;
    store.target = null;
    room.isAtEnd = false;
    log.scrollTop += element.getBoundingClientRect().top - log.getBoundingClientRect().top - log.clientHeight / 3;
    element.classList.add('target');
    element.addEventListener('blur', () => element.classList.remove('target'), { once: true });
    element.focus({ preventScroll: true });
    return true;
  }

  function toDivider() {
    const mark = rows.querySelector('.new');
    log.scrollTop += mark.getBoundingClientRect().top - log.getBoundingClientRect().top - log.clientHeight / 4;
    reached();
  }

  /** The first message in view and where it is, to put it back there. */
  function firstVisible() {
    const top = log.getBoundingClientRect().top;
    for (const element of rows.children) {
      const box = element.getBoundingClientRect();
      if (box.bottom > top && element.localName === 'article') return { element, top: box.top };
    }
    return null;
  }

  store.subscribe(draw);
}

function beginning(room) {
  if (!room) return [h('h2', {}, 'You are in no room'), h('p', {}, 'Choose one from the list, or make a new one.')];
  return [
    h('h2', {}, 'This is the beginning of ', h('bdi', {}, isDirect(room.name) ? 'your conversation' : `#${room.name}`)),
    h('p', {}, isDirect(room.name) ? 'Nobody else reads it.' : `${room.retentionDays ? `Messages are kept ${keptFor(room.retentionDays)}.` : 'Messages are kept, so whoever comes later can read them.'} Say hello!`),
  ];
}

/** Pixels from the end within which new messages are followed. */
const END_DISTANCE = 60;
/** Pixels from the top at which the page before is fetched. */
const LOAD_DISTANCE = 160;
