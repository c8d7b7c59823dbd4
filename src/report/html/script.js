// The filter. Without it the page shows everything: it only hides, and keeps in the address what it shows, so that a
// view can be passed on.
'use strict';
(() => {
  const at = (id) => document.getElementById(id);
  const all = '*';
  const filter = at('filter');
  if (!filter) return;
  const text = at('text'), namespace = at('namespace'), check = at('check'), shown = at('shown'), fold = at('fold');
  const severities = [...filter.querySelectorAll('[type=checkbox]')];
  const findings = [...document.querySelectorAll('.finding')];
  const groups = [...document.querySelectorAll('.group')];
  const counted = findings.filter((finding) => !finding.classList.contains('accepted'));
  const words = new Map(); // of each finding, once somebody looks for some
  const textOf = (finding) => {
    if (!words.has(finding)) words.set(finding, finding.textContent.toLowerCase());
    return words.get(finding);
  };

  const show = () => {
    const wanted = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const levels = severities.filter((box) => box.checked).map((box) => box.value);
    for (const finding of findings) {
      const { severity, namespace: where, check: which } = finding.dataset;
      finding.hidden = !(
        (levels.length === 0 || levels.includes(severity)) &&
        (namespace.value === all || namespace.value === where) &&
        (check.value === all || check.value === which) &&
        wanted.every((word) => textOf(finding).includes(word)));
    }
    for (const group of groups) group.hidden = !group.querySelector('.finding:not([hidden])');
    const count = counted.filter((finding) => !finding.hidden).length;
    const filtered = wanted.length > 0 || levels.length > 0 || namespace.value !== all || check.value !== all;
    shown.textContent = filtered ? `${count} of ${counted.length} findings` : `All ${counted.length} findings`;
    at('clear').hidden = !filtered;

    const state = new URLSearchParams();
    if (levels.length > 0) state.set('severity', levels.join());
    if (namespace.value !== all) state.set('namespace', namespace.value);
    if (check.value !== all) state.set('check', check.value);
    if (wanted.length > 0) state.set('text', text.value);
    if (filtered || location.hash.includes('=')) history.replaceState(null, '', `#${state}`);
  };

  const choose = (select, value) => {
    select.value = value;
    if (select.selectedIndex < 0) select.value = all; // a link from another report
  };

  const read = () => {
    const state = new URLSearchParams(location.hash.slice(1));
    const levels = (state.get('severity') ?? '').split(',');
    for (const box of severities) box.checked = levels.includes(box.value);
    choose(namespace, state.get('namespace') ?? all);
    choose(check, state.get('check') ?? all);
    text.value = state.get('text') ?? '';
    show();
  };

  let open = findings.some((finding) => finding.open);
  const nameFold = () => {
    fold.textContent = open ? 'Close all' : 'Open all';
  };

  filter.addEventListener('input', show);
  at('clear').addEventListener('click', () => {
    for (const box of severities) box.checked = false;
    namespace.value = check.value = all;
    text.value = '';
    show();
    text.focus();
  });
  fold.addEventListener('click', () => {
    open = !open;
    for (const finding of findings) finding.open = open;
    nameFold();
  });
  addEventListener('hashchange', () => {
    if (location.hash.includes('=')) read();
  });

  // A name in a table of the summary chooses it.
  for (const cell of document.querySelectorAll('th[data-of]')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener('click', () => {
      choose(at(cell.dataset.of), cell.dataset.value);
      show();
      at('findings').scrollIntoView();
      at(cell.dataset.of).focus({ preventScroll: true });
    });
  }

  filter.hidden = false;
  read();
  nameFold();
})();
