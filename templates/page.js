'use strict';
(() => {
  const root = document.documentElement;
  const KEY = 'oomlab-theme';
  const THEMES = ['auto', 'light', 'dark'];
  const button = document.getElementById('theme');
  // A browser may keep nothing for files.
  const load = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const save = (theme) => { try { localStorage.setItem(KEY, theme); } catch { /* it holds for this page */ } };
  let theme = THEMES.includes(load()) ? load() : 'auto';
  const show = () => {
    root.dataset.theme = theme;
    button.textContent = `theme: ${theme}`;
  };
  show();
  button.hidden = false;
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    save(theme);
    show();
  });

  // The lines that decided, unless the address names another.
  const mark = document.querySelector('.console .mark');
  if (mark && !location.hash) {
    const box = mark.closest('.console');
    box.scrollTop = mark.offsetTop - box.offsetTop - box.clientHeight / 3;
  }

  const copy = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      if (!document.execCommand('copy')) return 'select and copy';
    }
    return 'copied';
  };
  for (const code of document.querySelectorAll('code.cmd')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = 'copy';
    code.after(button);
  }
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('button.copy');
    if (!button) return;
    button.textContent = await copy(button.previousElementSibling);
    setTimeout(() => { button.textContent = 'copy'; }, 2000);
  });
})();
