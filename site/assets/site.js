// Extras of a page that reads without them: a theme of the reader's choice, and the age of the data.
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

  function inWords(hours) {
    if (hours < 48) return `${Math.max(0, Math.round(hours))} hours old`;
    return `${Math.round(hours / 24).toLocaleString("en")} days old`;
  }

  function showAge(element) {
    const hours = (Date.now() - Date.parse(element.dataset.newest)) / HOUR;
    const late = Number(element.dataset.lateHours);
    const state = hours <= late ? "fresh" : hours <= VERY_LATE * late ? "late" : "very-late";
    const sign = { fresh: "\u2713 Fresh", late: "\u25B2 Late", "very-late": "\u2715 Very late" };
    element.textContent = `${sign[state]}: ${inWords(hours)}`;
    element.classList.add(state);
    element.hidden = false;
  }

  function start() {
    document.querySelectorAll("button.theme").forEach(startThemeButton);
    document.querySelectorAll(".vigie-age").forEach(showAge);
  }

  const theme = remembered();
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
