// Looks through window.vigiePages, which search-index.js brings: every word must be in a page.
(function () {
  "use strict";
  const MOST = 30;
  const AROUND = 90;
  const WEIGHTS = { title: 8, heading: 4, text: 1 };

  function plain(text) {
    return text.normalize("NFD").replace(/\p{Diacritic}/gu, "").toLowerCase();
  }

  function wordsOf(text) {
    return plain(text).split(/\s+/).filter(Boolean);
  }

  const pages = (window.vigiePages || []).map(page => ({
    ...page,
    in: { title: plain(page.title), heading: page.headings.map(h => plain(h[1])), text: plain(page.text) },
  }));

  // How well a page fits: zero where it lacks one of the words.
  function fit(page, words) {
    let total = 0;
    for (const word of words) {
      const found = (page.in.title.includes(word) ? WEIGHTS.title : 0)
        + (page.in.heading.some(heading => heading.includes(word)) ? WEIGHTS.heading : 0)
        + (page.in.text.includes(word) ? WEIGHTS.text : 0);
      if (!found) return 0;
      total += found;
    }
    return total;
  }

  // The first place where one of the words stands, with what is around it.
  function excerpt(page, words) {
    // Where plain text is longer or shorter than the text, places differ: then the beginning will do.
    const same = page.in.text.length === page.text.length;
    const places = same ? words.map(word => page.in.text.indexOf(word)).filter(at => at >= 0) : [];
    const at = places.length ? Math.min(...places) : 0;
    const from = Math.max(0, page.text.lastIndexOf(" ", Math.max(0, at - AROUND)) + 1);
    const cut = page.text.slice(from, at + AROUND * 2);
    return (from ? "\u2026 " : "") + cut + (from + cut.length < page.text.length ? " \u2026" : "");
  }

  function marked(parent, text, words) {
    const known = plain(text);
    if (known.length !== text.length) { parent.append(text); return; }
    let at = 0;
    while (at < text.length) {
      const next = words.map(word => [known.indexOf(word, at), word.length]).filter(f => f[0] >= 0)
        .sort((a, b) => a[0] - b[0] || b[1] - a[1])[0];
      if (!next) break;
      parent.append(text.slice(at, next[0]));
      const mark = document.createElement("mark");
      mark.textContent = text.slice(next[0], next[0] + next[1]);
      parent.append(mark);
      at = next[0] + next[1];
    }
    parent.append(text.slice(at));
  }

  function link(address, text, words) {
    const made = document.createElement("a");
    made.href = address.split("/").map(encodeURIComponent).join("/");
    marked(made, text, words);
    return made;
  }

  function result(page, words) {
    const item = document.createElement("li");
    item.append(link(page.address, page.title, words));
    page.headings.filter((_, place) => words.some(word => page.in.heading[place].includes(word)))
      .forEach(([id, text]) => {
        const made = link(page.address, text, words);
        made.hash = id;
        item.append(" \u203a ", made);
      });
    const words_ = document.createElement("p");
    marked(words_, excerpt(page, words), words);
    item.append(words_);
    return item;
  }

  function start() {
    const form = document.querySelector(".vigie-search");
    const list = document.querySelector(".vigie-results");
    const told = document.querySelector(".vigie-found");
    if (!form || !list) return;
    const input = form.querySelector("input");

    function look() {
      const words = wordsOf(input.value);
      const found = words.length === 0 ? [] : pages
        .map((page, place) => [fit(page, words), place, page])
        .filter(one => one[0] > 0)
        .sort((a, b) => b[0] - a[0] || a[1] - b[1]);
      list.replaceChildren(...found.slice(0, MOST).map(one => result(one[2], words)));
      list.hidden = found.length === 0;
      const number = found.length === 1 ? "One page" : `${found.length} pages`;
      told.textContent = words.length === 0 ? "" : found.length === 0
        ? "No page has all of these words."
        : found.length > MOST ? `${number}; here are the ${MOST} that fit best.` : `${number}.`;
    }

    form.hidden = false;
    form.addEventListener("submit", event => {
      event.preventDefault();
      look();
      try { history.replaceState(null, "", `?q=${encodeURIComponent(input.value)}`); } catch { return; }
    });
    input.addEventListener("input", look);
    input.value = new URLSearchParams(location.search).get("q") || "";
    look();
    input.focus();
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
