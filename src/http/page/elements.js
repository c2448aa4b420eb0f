// Makes elements. Attributes that begin with "on" are listeners; `vars` are CSS variables; text is never read as HTML.

const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element. Children are nodes, texts and numbers, and arrays of these; null and false are left out. */
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'vars') setVariables(element, value);
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Sets CSS variables: the page's CSP admits no style attribute. */
export function setVariables(element, variables) {
  for (const [name, value] of Object.entries(variables)) element.style.setProperty(name, value);
}

/** Puts new children in the place of the old ones. */
export function replace(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

/** Changes a text, only when it differs: what has not changed is not announced again. */
export function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/** A view's heading, with its actions beside it. */
export function heading(words, ...actions) {
  return h('div', { class: 'heading' }, h('h1', null, words), h('div', { class: 'actions' }, actions));
}

/** Says that a list holds nothing, and what that means. */
export function emptyNote(words) {
  return h('p', { class: 'note empty' }, words);
}

/** Says why something cannot be shown. */
export function problemNote(problem) {
  return h('p', { class: 'note problem', role: 'alert' }, problem.message ?? String(problem));
}

/** A box that filters a list while one types. */
export function filterBox(label, onText, { value = '', placeholder = label } = {}) {
  let waiting;
  const told = () => { clearTimeout(waiting); onText(input.value.trim()); };
  const input = h('input', {
    class: 'filter', type: 'search', 'aria-label': label, placeholder, value, spellcheck: 'false', autocomplete: 'off',
    oninput: () => { clearTimeout(waiting); waiting = setTimeout(told, 150); },
    onkeydown: (event) => { if (event.key === 'Enter') told(); },
  });
  return input;
}

/** A choice of one from few, as buttons side by side: `choices` are [value, words]. */
export function choice(label, choices, chosen, onChoice) {
  const group = h('div', { class: 'choice', role: 'group', 'aria-label': label });
  const buttons = choices.map(([value, words]) => h('button', {
    type: 'button', 'aria-pressed': String(value === chosen),
    onclick: (event) => {
      for (const button of buttons) button.setAttribute('aria-pressed', String(button === event.currentTarget));
      onChoice(value);
    },
  }, words));
  return replace(group, buttons);
}

/** Asks before something is done: true when it shall be. */
export function confirmation(question, action) {
  return new Promise((resolve) => {
    const closed = () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    };
    const dialog = h('dialog', { 'aria-label': question, onclose: closed },
      h('form', { method: 'dialog' },
        h('p', null, question),
        h('div', { class: 'actions' },
          h('button', { class: 'quiet', value: 'no' }, 'Cancel'),
          h('button', { class: 'primary', value: 'yes' }, action))));
    document.body.append(dialog);
    dialog.showModal();
  });
}
