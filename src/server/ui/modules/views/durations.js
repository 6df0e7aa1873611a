/** Stretches of time to choose from, and how to say them. */

/** How long somebody is kept out or silent; empty: without an end. @type {[string, string][]} */
export const BAN_LENGTHS = [
  ['600', 'for 10 minutes'],
  ['3600', 'for an hour'],
  ['86400', 'for a day'],
  ['604800', 'for a week'],
  ['2592000', 'for 30 days'],
  ['', 'without an end'],
];

/** @type {[string, string][]} */
export const SLOW_MODES = [
  ['', 'as it is'],
  ['0', 'off'],
  ['5', '5 seconds'],
  ['15', '15 seconds'],
  ['60', 'a minute'],
  ['300', '5 minutes'],
  ['3600', 'an hour'],
  ['21600', '6 hours'],
];

/** @type {[string, string][]} */
export const INVITE_LENGTHS = [
  ['3600', 'for an hour'],
  ['86400', 'for a day'],
  ['604800', 'for a week'],
  ['2592000', 'for 30 days'],
];
