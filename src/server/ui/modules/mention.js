/** Who is meant by a message: `@name`, as a whole word, in any case. */

/** Whether a body mentions a name. @param {string} body @param {string} name */
export function mentions(body, name) {
  const text = folded(body);
  const word = `@${folded(name)}`;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!endsInWord(text.slice(Math.max(0, at - 2), at)) && !beginsWithWord(text.slice(at + word.length))) return true;
  }
  return false;
}

/** As good as the server's case folding for telling names apart: it refuses those that look alike. */
function folded(text) {
  return text.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase();
}

function endsInWord(text) {
  return /[\p{L}\p{N}_]$/u.test(text);
}

/** A sign that joins words is part of one only if the word goes on behind it. */
function beginsWithWord(text) {
  return /^(?:[\p{L}\p{N}\p{M}_]|[-.'’][\p{L}\p{N}])/u.test(text);
}
