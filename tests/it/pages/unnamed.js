(() => {
  const found = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  for (const field of all('input, select')) if (!field.labels.length) found.push(`field ${field.name}`);
  for (const one of all('svg')) if (!one.getAttribute('aria-label') && one.getAttribute('aria-hidden') !== 'true') found.push('svg');
  for (const one of all('a, button')) if (!one.textContent.trim()) found.push(`empty ${one.outerHTML}`);
  const ids = all('[id]').map((one) => one.id);
  for (const id of ids.filter((id, at) => ids.indexOf(id) !== at)) found.push(`twice ${id}`);
  for (const one of all('a[href^="#"]')) {
    const id = one.hash.slice(1);
    if (!id.includes('=') && !document.getElementById(id)) found.push(`nowhere ${id}`);
  }
  for (const one of all('[aria-labelledby]')) if (!document.getElementById(one.getAttribute('aria-labelledby'))) found.push('label');
  let before = 0;
  for (const heading of all('h1, h2, h3, h4').filter((one) => one.checkVisibility())) {
    const level = Number(heading.tagName[1]);
    if (level > before + 2) found.push(`heading ${heading.textContent}`);
    before = level;
  }
  if (document.documentElement.lang !== 'en' || !document.title) found.push('language or title');
  return found;
})()
