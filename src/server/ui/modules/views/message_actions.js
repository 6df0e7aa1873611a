/** What the buttons of a message do. */
import { mayKeepOrder } from '../permissions.js';
import { ServerError } from '../protocol.js';

/**
 * @param {import('../store.js').Store} store @param {import('../session.js').Session} session
 * @param {{announce: (text: string) => void}} page
 * @returns {import('./actions.js').Actions}
 */
export function messageActions(store, session, page) {
  /** Without a connection everything simply stays as it is; the status says why. */
  async function tried(done) {
    try {
      await done;
    } catch (error) {
      if (error instanceof ServerError) page.announce(error.message);
    }
  }

  return {
    tried,
    retry: (key) => session.outbox.retry(key),
    discard: (key) => session.outbox.discard(key),
    you: () => store.you?.name,
    message: (seq) => store.room?.message(seq),
    mayDelete: (message) => message.from === store.you?.name || mayKeepOrder(store),
    reply: ({ seq }) => store.update(() => (store.writing = { kind: 'reply', seq })),
    edit: ({ seq }) => store.update(() => (store.writing = { kind: 'edit', seq })),
    delete: ({ seq }) => tried(session.change('delete', { seq })),
    react: ({ seq }, emoji, on) => tried(session.change('react', { seq, emoji, on })),
    jump: (seq) => tried(session.jump(store.current, seq)),
    openThread: ({ seq }) => tried(session.history.openThread(seq)),
  };
}
