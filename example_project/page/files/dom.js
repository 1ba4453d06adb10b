// Making elements. Text is only ever set as text: nothing here parses HTML, so what the
// API or a token says cannot become markup.

export const byId = (id) => document.getElementById(id);

/** Return a new element. `attributes` are properties; children are nodes or texts. */
export function element(tag, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

/** Show or hide, and let assistive technology know. */
export function show(id, visible) {
  byId(id).hidden = !visible;
}
