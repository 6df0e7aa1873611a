/**
 * What the page knows of one room: messages in order, who is there, what is being typed.
 *
 * Invariants: `messages` is sorted by `seq`, no `seq` twice; `seq` is the last number up to which nothing is
 * missing since the list's first message, so it is what `join` may be given as `since`.
 */

/** @typedef {import('./protocol.js').Message} Message */
/** @typedef {import('./protocol.js').Member} Member */
/** @typedef {{after: number, at: string, people: Map<string, string>, text: string}} Notice */

export class Room {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
    this.topic = '';
    this.visibility = 'public';
    /** Days for which messages are kept; 0: for ever. */
    this.retentionDays = 0;
    /** Seconds that a member waits between two messages; 0: none. */
    this.slowModeSeconds = 0;
    /** Joined on this page, and joined again after each reconnect. */
    this.joined = false;
    this.seq = 0;
    this.rev = 0;
    /** @type {Message[]} */
    this.messages = [];
    /** There are older messages than the first of `messages`. */
    this.more = false;
    /** There are newer messages than the last of `messages`: the reader has jumped to an old one. */
    this.later = false;
    /** The number below which messages were missed, as long as they have not been loaded; else 0. */
    this.gap = 0;
    /** @type {Member[]} */
    this.members = [];
    this.memberCount = 0;
    /** @type {Notice[]} quiet lines between messages */
    this.notices = [];
    /** @type {Map<string, number>} name → when it stops counting as typing */
    this.typing = new Map();
    /** The number up to which everything was read: here or, with an account, on any device. */
    this.readSeq = 0;
    /** The message above which the line "New" stands, or 0. */
    this.divider = 0;
    /** When sending goes on after the server asked for patience, in `Date.now()` terms; in the past: it does. */
    this.sendingAt = 0;
    /** The reader is at the end, so that old messages may be let go. */
    this.isAtEnd = true;
  }

  get unread() {
    return Math.max(0, this.seq - this.readSeq);
  }

  /** Everything up to this number was read. */
  read(seq) {
    this.readSeq = Math.max(this.readSeq, seq);
  }

  /** Takes over the answer to `join`; `since` is what was asked for, or `null` for a first join. */
  joinedWith(answer, since) {
    this.joined = true;
    this.topic = answer.topic ?? '';
    this.visibility = answer.visibility ?? 'public';
    this.ruled({ retention_days: answer.retention_days ?? 0, slow_mode_s: answer.slow_mode_s ?? 0 });
    this.setMembers(answer.members ?? [], answer.member_count);
    this.typing.clear();
    const messages = answer.messages ?? [];
    if (since === null || !answer.recovered) {
      const oldest = messages[0]?.seq ?? answer.seq + 1;
      this.gap = since !== null && oldest > since + 1 ? since + 1 : 0;
      this.messages = [];
      this.notices = [];
      this.more = Boolean(answer.more);
      this.later = false;
    }
    // Changes are for what is here already: the new messages have them.
    else for (const change of answer.changes ?? []) this.changed(change);
    if (!this.later) for (const message of messages) this.#insert(message);
    this.seq = answer.seq ?? this.seq;
    this.rev = answer.rev ?? this.rev;
  }

  /** Takes over the rules of the room that are said to be others now. */
  ruled({ retention_days: days = this.retentionDays, slow_mode_s: seconds = this.slowModeSeconds }) {
    this.retentionDays = days;
    this.slowModeSeconds = seconds;
  }

  /** @returns {boolean} whether the message was new here */
  add(message) {
    this.typing.delete(message.from);
    if (this.later) {
      const isNext = message.seq === this.seq + 1;
      if (isNext) this.seq = message.seq;
      return isNext;
    }
    const isNew = this.#insert(message);
    let index = this.#indexOf(this.seq + 1);
    while (this.messages[index]?.seq === this.seq + 1) {
      this.seq += 1;
      index += 1;
    }
    this.#trim();
    return isNew;
  }

  /** Takes over a page of `history` that ends just before the first message. */
  prepend(messages, more) {
    for (const message of messages) this.#insert(message);
    this.more = more;
    if (!more || (messages[0]?.seq ?? 0) <= this.gap) this.gap = 0;
  }

  /** Takes over a page of `history` that begins just behind the last message. */
  append(messages, moreAfter) {
    for (const message of messages) this.#insert(message);
    this.later = moreAfter;
  }

  /** Shows a page of `history` and nothing else: old messages around one, or the newest. */
  replace({ messages, more, more_after: moreAfter }) {
    this.messages = [];
    this.gap = 0;
    for (const message of messages) this.#insert(message);
    this.more = more;
    this.later = moreAfter;
    this.seq = Math.max(this.seq, this.#last());
    this.isAtEnd = !moreAfter;
  }

  /** @returns {Message | undefined} the message of that number, if it is loaded */
  message(seq) {
    const message = this.messages[this.#indexOf(seq)];
    return message?.seq === seq ? message : undefined;
  }

  /** Applies `edited`, `deleted`, `reaction` or `topic`. */
  changed(change) {
    if (change.rev) this.rev = Math.max(this.rev, change.rev);
    if (change.type === 'topic') {
      this.topic = change.topic;
      return;
    }
    const index = this.#indexOf(change.seq);
    const message = this.messages[index];
    if (message?.seq !== change.seq) return;
    this.messages[index] = changedMessage(change, message);
  }

  member(name) {
    return this.members.find((member) => member.name === name);
  }

  setMembers(members, count = members.length) {
    this.members = members;
    this.memberCount = Math.max(count, members.length);
  }

  /** @param {{name: string, state: string, to?: string, guest?: boolean, role?: string, server_role?: string}} presence */
  present({ name, state, to, guest, role, server_role }, at) {
    this.typing.delete(name);
    const known = this.member(name);
    if (state === 'joined' && !known) {
      this.members = [...this.members, { name, guest, role, server_role }];
      this.memberCount += 1;
    } else if (state === 'joined') {
      this.members = this.members.map((member) => (member === known ? { ...member, online: true } : member));
    } else if (state === 'left') {
      this.members = this.members.filter((member) => member !== known);
      this.memberCount = Math.max(this.members.length, this.memberCount - 1);
    } else if (state === 'renamed' && to) {
      this.members = this.members.map((member) => (member === known ? { ...member, name: to } : member));
    }
    if (state !== 'joined' || !known || known.online === false) this.#notePresence(name, state === 'renamed' ? `is now ${to}` : state, at);
  }

  /** Adds a quiet line at the end. */
  note(text, at) {
    this.notices.push({ after: this.#last(), at, people: new Map(), text });
    if (this.notices.length > MAX_NOTICES) this.notices.shift();
  }

  /** Coming and going in a row is one line, with each name's latest state. */
  #notePresence(name, state, at) {
    const latest = this.notices.at(-1);
    if (!latest || latest.after !== this.#last() || latest.text) this.note('', at);
    const { people } = this.notices.at(-1);
    people.delete(name);
    people.set(name, state);
    if (people.size > MAX_PEOPLE) people.delete(people.keys().next().value);
  }

  #last() {
    return this.messages.at(-1)?.seq ?? 0;
  }

  #insert(message) {
    const index = this.#indexOf(message.seq);
    if (this.messages[index]?.seq === message.seq) {
      this.messages[index] = message;
      return false;
    }
    this.messages.splice(index, 0, message);
    return true;
  }

  /** The first index whose message is numbered `seq` or higher. */
  #indexOf(seq) {
    let low = 0;
    let high = this.messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.messages[middle].seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #trim() {
    if (!this.isAtEnd || this.messages.length <= MAX_MESSAGES) return;
    this.messages.splice(0, this.messages.length - MAX_MESSAGES + TRIM_STEP);
    this.more = true;
  }
}

/** A message as `edited`, `deleted` or `reaction` leaves it. */
export function changedMessage(change, message) {
  if (change.type === 'edited') return { ...message, body: change.body, edited_at: change.edited_at };
  // The key stays: the row on screen is known by it.
  if (change.type === 'deleted') {
    const { seq, at, from, key } = message;
    return { seq, at, from, ...(key && { key }), deleted: true };
  }
  if (change.type === 'reaction' && !message.deleted) {
    return { ...message, reactions: reacted(message.reactions ?? [], change) };
  }
  return message;
}

/** As the server counts: names up to `MAX_NAMED`, the count beyond. */
function reacted(reactions, { emoji, from, on }) {
  const known = reactions.find((reaction) => reaction.emoji === emoji);
  if (!known) return on ? [...reactions, { emoji, names: [from], count: 1 }] : reactions;
  const { names, count } = known;
  let next;
  if (on) {
    next = { emoji, names: names.length < MAX_NAMED ? [...names, from] : names, count: count + 1 };
  } else {
    const place = names.indexOf(from);
    const rest = place < 0 ? names : names.toSpliced(place, 1);
    next = { emoji, names: rest.slice(0, count - 1), count: count - 1 };
  }
  return reactions.map((reaction) => (reaction === known ? next : reaction)).filter((reaction) => reaction.count > 0);
}

/** What a page keeps of a room while its reader is at the end; the rest can be loaded again. */
const MAX_MESSAGES = 1000;
const TRIM_STEP = 200;
const MAX_NOTICES = 100;
/** Names that the server lists of those who chose an emoji. */
const MAX_NAMED = 20;
/** Names in one line of coming and going. */
const MAX_PEOPLE = 50;
