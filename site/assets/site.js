// Extras of a page that reads without them: a theme of the reader's choice, and how
// old the data are and how late the next run is, so that a schedule that died can't look healthy.
(function () {
  "use strict";
  if (window.vigieStarted) return;
  window.vigieStarted = true;

  const root = document.documentElement;
  const HOUR = 3600 * 1000;
  const VERY_LATE = 3;

  // A page opened from a file may have no storage; the choice then lasts as long as the page.
  function remembered() {
    try { return localStorage.getItem("vigie-theme"); } catch { return null; }
  }
  function remember(theme) {
    try { localStorage.setItem("vigie-theme", theme); } catch { return; }
  }

  function shownTheme() {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    return root.dataset.theme || (dark ? "dark" : "light");
  }

  function startThemeButton(button) {
    const label = () => {
      button.textContent = shownTheme() === "dark" ? "Light theme" : "Dark theme";
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = shownTheme() === "dark" ? "light" : "dark";
      remember(root.dataset.theme);
      label();
    });
    label();
  }

  const STATES = ["healthy", "watch", "failing"];
  const SIGNS = { fresh: "\u2713 Fresh", late: "\u25B2 Late", "very-late": "\u2715 Very late" };
  const OVERDUE = { late: "\u25B2 Overdue", "very-late": "\u2715 Long overdue" };
  const BADGES = { late: ["watch", "Late"], "very-late": ["failing", "Out of date"] };
  const GRACE = 0.25;

  function inWords(hours) {
    if (hours < 1) return `${Math.max(0, Math.round(hours * 60))} minutes`;
    if (hours < 48) return `${Math.round(hours)} hour${Math.round(hours) === 1 ? "" : "s"}`;
    return `${Math.round(hours / 24).toLocaleString("en")} days`;
  }

  function since(time) { return (Date.now() - Date.parse(time)) / HOUR; }

  function show(element, state, text) {
    element.textContent = text;
    element.classList.add(state);
    element.hidden = false;
    return state;
  }

  // The age of the data, against what the case allows.
  function showAge(element) {
    const hours = since(element.dataset.newest);
    const allowed = Number(element.dataset.lateHours);
    const state = hours <= allowed ? "fresh" : hours <= VERY_LATE * allowed ? "late" : "very-late";
    return show(element, state, `${SIGNS[state]}: ${inWords(hours)} old`);
  }

  // The time since the next run was due; schedules are a little late, so some of it is allowed.
  function showDue(element) {
    const hours = since(element.dataset.due);
    const every = Number(element.dataset.everyHours);
    if (hours <= GRACE * every) return "fresh";
    const state = hours <= 2 * every ? "late" : "very-late";
    return show(element, state, `${OVERDUE[state]} for ${inWords(hours)}`);
  }

  function worst(states) {
    return states.includes("very-late") ? "very-late" : states.includes("late") ? "late" : "fresh";
  }

  // The same case in the table above the cards.
  function rowsOf(card) {
    return [...document.querySelectorAll(".vigie-row")]
      .filter(row => row.dataset.case === card.dataset.case);
  }

  function remark(place, before, health, label, drawn) {
    const badge = place.querySelector(".vigie-badge");
    if (!badge) return;
    place.classList.replace(before, health);
    badge.classList.replace(before, health);
    badge.querySelector("span").textContent = label;
    if (drawn) badge.querySelector("svg").replaceWith(drawn.cloneNode(true));
  }

  // A case can't be healthier than its newest data and its schedule.
  function judge(card, marks) {
    const states = [
      ...[...card.querySelectorAll(".vigie-age")].map(showAge),
      ...[...card.querySelectorAll(".vigie-due")].map(showDue),
    ];
    const state = worst(states);
    if (state === "fresh") return false;
    const [health, label] = BADGES[state];
    const before = STATES.find(name => card.classList.contains(name));
    if (STATES.indexOf(health) > STATES.indexOf(before)) {
      const drawn = marks && marks.content.children[health === "watch" ? 0 : 1];
      for (const place of [card, ...rowsOf(card)]) remark(place, before, health, label, drawn);
    }
    const note = document.createElement("p");
    note.className = "vigie-note vigie-stale";
    note.textContent = "No newer result has come in time. What stands here is the last that is known.";
    (card.querySelector("header") || card.firstElementChild).after(note);
    return true;
  }

  function judgeAll() {
    const marks = document.querySelector("template.vigie-marks");
    const cards = [...document.querySelectorAll(".vigie-card")];
    const late = cards.filter(card => judge(card, marks)).length;
    const summary = document.querySelector(".vigie-late-summary");
    if (!summary || !late) return;
    const which = cards.length === 1 ? "The case is" : `${late} of ${cards.length} cases ${late === 1 ? "is" : "are"}`;
    summary.textContent = `\u25B2 ${which} out of date: no newer result has come since this page was made.`;
    summary.hidden = false;
  }

  function start() {
    document.querySelectorAll("button.theme").forEach(startThemeButton);
    judgeAll();
  }

  const theme = remembered();
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
