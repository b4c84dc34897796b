// What a page does beyond being read: it takes over what is newer, remembers who decides, and
// can be walked by keys. Without this file everything still works by reloading.
'use strict';

// Takes over each part marked data-live from the same page as the server makes it now.
async function refresh() {
  const reply = await fetch(location.href, { headers: { accept: 'text/html' }, cache: 'no-store' });
  if (reply.redirected) { location.assign(reply.url); return; }
  if (!reply.ok) return;
  const page = new DOMParser().parseFromString(await reply.text(), 'text/html');
  let changed = false;
  for (const old of document.querySelectorAll('[data-live]')) {
    const fresh = page.getElementById(old.id);
    if (!fresh || fresh.innerHTML === old.innerHTML) continue;
    replace(old, document.importNode(fresh, true));
    changed = true;
  }
  return changed;
}

// Keeps the focus where it was, says what is new, and marks it for a moment.
function replace(old, fresh) {
  const rows = (part) => new Set([...part.querySelectorAll('tr[id]')].map((row) => row.id));
  const before = rows(old);
  const more = Number(fresh.dataset.total || 0) - Number(old.dataset.total || 0);
  const focused = old.contains(document.activeElement) && document.activeElement.getAttribute('href');
  old.replaceWith(fresh);
  for (const row of fresh.querySelectorAll('tr[id]')) {
    if (!before.has(row.id)) row.classList.add('fresh');
  }
  if (focused) {
    const again = [...fresh.querySelectorAll('a')].find((link) => link.getAttribute('href') === focused);
    if (again) again.focus({ preventScroll: true });
  }
  if (more > 0) {
    document.getElementById('news').textContent = more === 1 ? '1 new finding' : `${more} new findings`;
  }
}

// Asks again once something changed, and not more often than every second.
function watch() {
  const light = document.getElementById('live');
  if (!light || !window.EventSource) return;
  const events = new EventSource('/events');
  let busy = false;
  let again = false;
  const update = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try { await refresh(); } catch { /* the server is away; the next event comes when it is back */ }
    setTimeout(() => { busy = false; if (again) { again = false; update(); } }, 1000);
  };
  let known = null;
  const heard = (event) => { if (known !== null && known !== event.data) update(); known = event.data; };
  events.addEventListener('hello', heard);
  events.addEventListener('changed', heard);
  events.onopen = () => { light.textContent = 'Live'; light.classList.add('on'); };
  events.onerror = () => { light.textContent = 'Not connected'; light.classList.remove('on'); known = known && 'away'; };
  addEventListener('pagehide', () => events.close());
  addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
}

// Whoever decided once need not be typed again.
function remember() {
  for (const field of document.querySelectorAll('[data-remember]')) {
    const name = `photofinish.${field.dataset.remember}`;
    if (!field.value) field.value = localStorage.getItem(name) || '';
    field.form.addEventListener('submit', () => localStorage.setItem(name, field.value));
  }
}

// `/` goes to the search, j and k to the next finding and the one before.
function keys() {
  addEventListener('keydown', (event) => {
    const typing = event.target.closest('input, select, textarea');
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const search = document.querySelector('[data-search]');
    if (event.key === '/' && search) { event.preventDefault(); search.focus(); search.select(); }
    if (event.key === 'j' || event.key === 'k') {
      const items = [...document.querySelectorAll('[data-item]')];
      const at = items.indexOf(document.activeElement);
      const next = items[at < 0 ? 0 : at + (event.key === 'j' ? 1 : -1)];
      if (next) next.focus();
    }
  });
}

// Choices that were left as they are need not stand in the address.
function shortAddress() {
  for (const form of document.querySelectorAll('form.filters')) {
    form.addEventListener('formdata', (event) => {
      for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
    });
  }
}

// Figures that change all the time are asked for all the time, while somebody looks.
function repeat() {
  const part = document.querySelector('[data-every]');
  if (!part) return;
  setInterval(() => { if (!document.hidden) refresh().catch(() => {}); }, Number(part.dataset.every));
}

watch();
repeat();
remember();
keys();
shortAddress();
