/** Links that let one into a private room: the code is in the fragment, which browsers send to nobody. */

/** @param {string} room @param {string} code */
export function linkFor(room, code) {
  return `${location.origin}/#${KEY}=${encodeURIComponent(room)}:${code}`;
}

/** The room and code of a link, or of what is behind its `#`; `null`: it is no invitation. */
export function invitationIn(text) {
  const found = new RegExp(`#?${KEY}=([^:&\\s]+):([0-9A-Za-z-]+)$`, 'u').exec(text.trim());
  if (!found) return null;
  try {
    return { room: decodeURIComponent(found[1]), invite: found[2] };
  } catch {
    return null; // Not every percent sign is followed by what it should be.
  }
}

const KEY = 'invite';
