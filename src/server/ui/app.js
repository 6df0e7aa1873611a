/** Puts the page together: one store, one session, and the views that show them. */
import { placeIcons } from './modules/dom.js';
import { Notifier } from './modules/notifier.js';
import { Session } from './modules/session.js';
import { Store } from './modules/store.js';
import { composerView } from './modules/views/composer.js';
import { drawers } from './modules/views/drawers.js';
import { headerView } from './modules/views/header.js';
import { invitedView } from './modules/views/invited.js';
import { logView } from './modules/views/log.js';
import { loginView } from './modules/views/login.js';
import { membersView } from './modules/views/members.js';
import { roomSettingsView } from './modules/views/room_settings.js';
import { roomsView } from './modules/views/rooms.js';
import { searchView } from './modules/views/search.js';
import { settingsView } from './modules/views/settings.js';
import { threadView } from './modules/views/thread.js';
import { announce } from './modules/views/toasts.js';

placeIcons(document);

const store = new Store();
const session = new Session(store, { announce, left: (reason) => login.open(reason), arrived: (room, message) => notifier.arrived(room, message) });
const notifier = new Notifier(store, (room) => session.open(room).catch((error) => announce(error.message)));
const page = { announce, closeDrawers: drawers().close };

const login = loginView(store, session);
headerView(store, session);
searchView(store, session);
roomsView(store, session, page);
membersView(store, session, page);
logView(store, session, page);
composerView(store, session);
settingsView(store, session, notifier);
roomSettingsView(store, session, page);
invitedView(store, session, page);
threadView(store, session, page);

document.addEventListener('keydown', (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey || !['ArrowUp', 'ArrowDown'].includes(event.key)) return;
  const joined = store.roomList.filter((room) => room.isJoined).map((room) => room.name);
  if (!store.you || joined.length < 2 || document.querySelector('dialog[open]')) return;
  event.preventDefault();
  const step = event.key === 'ArrowUp' ? -1 : 1;
  session.open(joined.at((joined.indexOf(store.current) + step) % joined.length));
});

if (session.resume()) login.skip();
else login.open('');
