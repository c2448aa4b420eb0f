// The login: shown when the daemon says that it knows nobody here.

import { post } from './api.js';
import { h, replace, setText } from './elements.js';
import { reload } from './router.js';

/** Shows the login in `main` when it is needed, and the view again after it. */
export function beginLogin(main, onLogin) {
  let isShown = false;
  document.addEventListener('login-needed', () => {
    if (isShown) return;
    isShown = true;
    const problem = h('p', { class: 'note problem', role: 'alert' });
    problem.hidden = true;
    const token = h('input', { id: 'token', type: 'password', autocomplete: 'current-password', required: true });
    const submit = async (event) => {
      event.preventDefault();
      try {
        await post('login', { token: token.value.trim() });
      } catch (refusal) {
        problem.hidden = false;
        setText(problem, refusal.status === 401 ? 'No role has this token. Look into the file of tokens, or ask who set the gateway up.' : refusal.message);
        token.select();
        return;
      }
      isShown = false;
      dialog.remove();
      onLogin();
      reload();
    };
    const dialog = h('dialog', { class: 'login', 'aria-labelledby': 'login-title', oncancel: (event) => event.preventDefault() },
      h('form', { onsubmit: submit },
        h('h1', { id: 'login-title' }, 'anomalyd'),
        h('p', null, 'Log in with the token of a viewer or of an operator.'),
        problem,
        h('label', { for: 'token' }, 'Token'),
        token,
        h('button', { class: 'primary', type: 'submit' }, 'Log in')));
    replace(main);
    document.body.append(dialog);
    dialog.showModal();
    token.focus();
  });
}
