'use strict';
(() => {
  const form = document.getElementById('filter');
  const items = [...document.querySelectorAll('[data-item]')];
  const groups = [...document.querySelectorAll('[data-group]')].map((group) => [group, [...group.querySelectorAll('[data-item]')]]);
  const squares = new Map([...document.querySelectorAll('a.sq')].map((square) => [square.hash.slice(1), square]));
  const fields = [...form.elements].filter((field) => field.name);
  const search = form.elements.q;
  const shown = document.getElementById('shown');
  const texts = new Map();
  const text = (item) => {
    if (!texts.has(item)) texts.set(item, `${item.id} ${item.textContent}`.toLowerCase());
    return texts.get(item);
  };
  const has = (values, value) => values === value || (values || '').split(' ').includes(value);

  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = fields.filter((field) => field !== search && field.value);
    let count = 0;
    for (const item of items) {
      const fits = chosen.every((field) => has(item.dataset[field.name], field.value)) &&
        words.every((word) => text(item).includes(word));
      item.hidden = !fits;
      squares.get(item.id)?.classList.toggle('out', !fits);
      count += fits;
    }
    for (const [group, members] of groups) group.hidden = members.length > 0 && members.every((item) => item.hidden);
    const cells = items.length === 1 ? 'cell' : 'cells';
    shown.textContent = count === items.length ? `${count} ${cells}` : `${count} of ${items.length} ${cells}`;
  };
  const write = () => {
    const params = new URLSearchParams(fields.filter((field) => field.value).map((field) => [field.name, field.value]));
    // An empty search overrides one that the address has behind `?`.
    const hash = params.toString() || (location.search ? 'q=' : '');
    try { history.replaceState(null, '', `${location.pathname}${location.search}${hash && `#${hash}`}`); } catch { /* the filters hold without it */ }
  };
  const read = () => {
    const hash = location.hash.slice(1);
    const params = new URLSearchParams(hash.includes('=') ? hash : location.search);
    for (const field of fields) field.value = params.get(field.name) || '';
    // A value that no cell has is no option; it is looked for all the same.
    for (const field of fields.filter((field) => params.get(field.name) && field.value !== params.get(field.name))) {
      field.add(new Option(params.get(field.name), params.get(field.name), false, true));
    }
    apply();
  };
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.hidden) {
      form.reset();
      apply();
    }
    if (target.tagName === 'DETAILS') target.open = true;
    target.scrollIntoView();
  };
  const move = (step) => {
    const visible = items.filter((item) => !item.hidden);
    const now = visible.findIndex((item) => item.contains(document.activeElement));
    const next = visible[Math.min(Math.max(now < 0 && step < 0 ? 0 : now + step, 0), visible.length - 1)];
    next?.querySelector('summary, a')?.focus();
    next?.scrollIntoView({ block: 'nearest' });
  };

  form.addEventListener('input', () => { apply(); write(); });
  form.addEventListener('submit', (event) => event.preventDefault());
  // The fields are empty after the event.
  form.addEventListener('reset', () => setTimeout(() => { apply(); write(); }));
  addEventListener('hashchange', () => (location.hash.includes('=') ? read() : reveal()));
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape' && document.activeElement === search) {
      search.value = '';
      search.blur();
      apply();
      write();
    }
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName)) return;
    if (event.key === '/') {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === 'j') move(1);
    else if (event.key === 'k') move(-1);
  });
  form.hidden = false;
  read();
  if (location.hash && !location.hash.includes('=')) reveal();
})();
