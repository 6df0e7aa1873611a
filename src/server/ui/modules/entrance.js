/** Asks a server whom it lets in, as its first words to anybody are, and goes again. */
import { SUBPROTOCOL } from './protocol.js';

/**
 * @param {string} url of its WebSocket
 * @returns {Promise<{guests: boolean, registration: 'open' | 'invite' | 'closed'} | null>} `null`: it did not say
 */
export function askEntrance(url) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, SUBPROTOCOL);
    const timer = setTimeout(() => socket.close(), ANSWER_TIMEOUT);
    socket.onmessage = ({ data }) => {
      resolve(accountsIn(data));
      socket.close();
    };
    socket.onclose = () => {
      clearTimeout(timer);
      resolve(null);
    };
  });
}

function accountsIn(text) {
  try {
    return JSON.parse(text).accounts ?? null;
  } catch {
    return null;
  }
}

/** Milliseconds. */
const ANSWER_TIMEOUT = 5_000;
