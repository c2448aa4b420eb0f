// The shell around the views: navigation, theme, keys and the login.

import { post, me } from './api.js';
import { beginLogin } from './login.js';
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
async function showRole() {
  const { role, is_local: isLocal } = await me().catch(() => ({}));
  logout.hidden = !role || isLocal === true;
  if (role) document.body.dataset.role = role;
}

beginLogin(document.getElementById('main'), showRole);
beginRouting(document.getElementById('main'));
showRole();
