/** A QR code, from the outline that the server drew. */

/** @param {{size: number, path: string}} code @param {string} label @returns {SVGSVGElement} */
export function createQrCode({ size, path }, label) {
  const svg = document.createElementNS(SVG, 'svg');
  const side = size + 2 * QUIET;
  const attributes = { class: 'qr', role: 'img', 'aria-label': label, viewBox: `${-QUIET} ${-QUIET} ${side} ${side}` };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  const squares = document.createElementNS(SVG, 'path');
  squares.setAttribute('d', path);
  svg.append(squares);
  return svg;
}

const SVG = 'http://www.w3.org/2000/svg';
/** Squares of light around the code, by which a camera finds it (ISO/IEC 18004). */
const QUIET = 4;
