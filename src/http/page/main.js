// The shell around the views: navigation, theme and keys.

import { post, me } from './api.js';
import { beginRouting } from './router.js';
import { beginShortcuts, showShortcuts } from './shortcuts.js';
import { beginTheme, nextTheme, themeChoice } from './theme.js';

const navigation = document.getElementById('navigation');
const menu = document.querySelector('.menu');
const theme = document.getElementById('theme');
const logout = document.getElementById('logout');

function openMenu(isOpen) {
  menu.setAttribute('aria-expanded', String(isOpen));
}

menu.addEventListener('click', () => openMenu(menu.getAttribute('aria-expanded') !== 'true'));
navigation.addEventListener('click', (event) => {
  if (event.target.closest('a')) openMenu(false);
});
addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && menu.getAttribute('aria-expanded') === 'true') {
    openMenu(false);
    menu.focus();
  }
});

beginTheme();
theme.textContent = `Theme: ${themeChoice()}`;
theme.addEventListener('click', () => {
  theme.textContent = `Theme: ${nextTheme()}`;
});

document.getElementById('help').addEventListener('click', showShortcuts);
beginShortcuts();
document.querySelector('.skip').addEventListener('click', (event) => {
  // The address names the view; a jump to #main would lose it.
  event.preventDefault();
  document.getElementById('main').focus();
});

logout.addEventListener('click', async () => {
  await post('logout').catch(() => {});
  location.reload();
});
// Who is not known any more gets the page to log in in the place of this one, under the same address.
document.addEventListener('login-needed', () => location.reload(), { once: true });

async function showRole() {
  const { role, name } = await me();
  document.body.dataset.role = role;
  logout.hidden = !name;
}

beginRouting(document.getElementById('main'));
showRole().catch(() => {});
