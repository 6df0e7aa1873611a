/** Stretches of time to choose from, and how to say them. */

/** How long somebody is kept out or silent; empty: without an end. @type {[string, string][]} */
export const BAN_LENGTHS = [
  ['600', 'for 10 minutes'],
  ['3600', 'for an hour'],
  ['86400', 'for a day'],
  ['604800', 'for a week'],
  ['2592000', 'for 30 days'],
  ['', 'until it is lifted'],
];

/** @type {[string, string][]} */
export const SLOW_MODES = [
  ['0', 'not at all'],
  ['5', '5 seconds'],
  ['15', '15 seconds'],
  ['60', 'a minute'],
  ['300', '5 minutes'],
  ['3600', 'an hour'],
  ['21600', '6 hours'],
];

/** In days. @type {[string, string][]} */
export const RETENTIONS = [
  ['0', 'for ever'],
  ['1', 'for a day'],
  ['7', 'for a week'],
  ['30', 'for 30 days'],
  ['90', 'for 90 days'],
  ['365', 'for a year'],
];

/** @type {[string, string][]} */
export const INVITE_LENGTHS = [
  ['3600', 'an hour'],
  ['86400', 'a day'],
  ['604800', 'a week'],
  ['2592000', '30 days'],
];

/** The choices, with what holds now among them. @param {[string, string][]} choices */
export function withChoice(choices, value, words) {
  return choices.some(([known]) => known === value) ? choices : [[value, words], ...choices];
}
