// An extra of charts that read without it: the values of the mark that is pointed at, or that the
// arrow keys have come to. They are labels in the drawing itself; nothing is fetched.
(function () {
  "use strict";
  if (window.vigieCharts) return;
  window.vigieCharts = true;

  const MARKS = '.said, [aria-roledescription="point"], [aria-roledescription="bar"], '
    + '[aria-roledescription="rect mark"]';
  const NEAR = 60;
  const MOST = 8;
  const HINT = "Arrow keys read the values, Escape ends.";

  function made(name, parent) {
    const element = document.createElement("div");
    element.className = name;
    parent.append(element);
    return element;
  }

  // Few digits, as everywhere on the site; whole numbers and years stay whole.
  function rounded(text) {
    return text.replace(/\d+\.\d{3,}/g, found => {
      const whole = found.indexOf(".");
      return String(Number(Number(found).toPrecision(Math.max(3, whole))));
    });
  }

  // The marks of a chart in the order of reading, placed in units of its drawing.
  function marksOf(svg) {
    const panels = new Map();
    const place = mark => {
      let panel = mark;
      while (!panel.parentNode.matches("g.mark-group, svg")) panel = panel.parentNode;
      if (!panels.has(panel)) panels.set(panel, panels.size);
      const matrix = svg.getScreenCTM().inverse().multiply(mark.getScreenCTM());
      const box = mark.getBBox();
      const wide = mark.getAttribute("aria-roledescription") !== "point" && !mark.matches(".said");
      return {
        panel: panels.get(panel), wide, label: rounded(mark.dataset.said || mark.getAttribute("aria-label")),
        left: matrix.e + box.x * wide, top: matrix.f + box.y * wide,
        right: matrix.e + (box.x + box.width) * wide, bottom: matrix.f + (box.y + box.height) * wide,
      };
    };
    const order = (a, b) => a.panel - b.panel || a.left - b.left || a.top - b.top;
    return [...svg.querySelectorAll(MARKS)].map(place).sort(order);
  }

  // What is far beside the pointer is farther than what is above or below it.
  function distance(mark, x, y) {
    const aside = Math.max(mark.left - x, 0, x - mark.right);
    const away = Math.max(mark.top - y, 0, y - mark.bottom);
    return Math.hypot(aside, mark.wide ? away : away / 3);
  }

  function nearest(marks, x, y) {
    let best = null, least = NEAR;
    for (const mark of marks) {
      const found = distance(mark, x, y);
      if (found < least) [best, least] = [mark, found];
    }
    return best;
  }

  // Marks of several lines at one place of the axis are told together.
  function together(marks, mark) {
    if (mark.wide) return [mark];
    return marks.filter(
      other => !other.wide && other.panel === mark.panel && Math.abs(other.left - mark.left) < 0.3);
  }

  // What all of them share stands above what each has alone; of one mark, its first value.
  function told(group) {
    const parts = group.map(mark => mark.label.split("; "));
    if (parts.length === 1) return parts[0].slice(0, MOST);
    const shared = parts[0].filter(part => parts.every(other => other.includes(part)));
    const alone = parts.map(each => each.filter(part => !shared.includes(part)).join(", "));
    return [shared.join(", "), ...new Set(alone)].filter(Boolean).slice(0, MOST);
  }

  function start(chart) {
    const svg = chart.querySelector("svg");
    const figure = chart.closest("figure");
    if (!svg || !figure || !svg.querySelector(MARKS)) return;
    let marks = null, at = -1, bubble = null, ring = null, spoken = null;

    function prepare() {
      marks = marksOf(svg);
      ring = made("vigie-ring", figure);
      bubble = made("vigie-hover", figure);
      for (const element of [ring, bubble]) element.setAttribute("aria-hidden", "true");
      spoken = made("vigie-spoken", figure);
      spoken.setAttribute("role", "status");
    }

    function hide() {
      if (!marks) return;
      for (const element of [ring, bubble]) element.classList.remove("shown");
      spoken.textContent = "";
      at = -1;
    }

    function put(lines) {
      bubble.replaceChildren(...lines.map(line => {
        const element = document.createElement("p");
        element.textContent = line;
        return element;
      }));
      bubble.classList.add("shown");
    }

    function show(mark) {
      const group = together(marks, mark);
      const drawn = svg.getBoundingClientRect(), around = figure.getBoundingClientRect();
      const scale = drawn.width / svg.viewBox.baseVal.width;
      const x = drawn.left - around.left + scale * (mark.left + mark.right) / 2;
      const y = drawn.top - around.top + scale * (mark.wide ? mark.top : (mark.top + mark.bottom) / 2);
      at = marks.indexOf(mark);
      put(told(group));
      ring.classList.toggle("shown", !mark.wide);
      ring.style.left = `${x}px`;
      ring.style.top = `${y}px`;
      const most = around.width - bubble.offsetWidth;
      const left = x + 14 > most ? x - 14 - bubble.offsetWidth : x + 14;
      bubble.style.left = `${Math.max(0, Math.min(left, most))}px`;
      bubble.style.top = `${Math.max(0, y - bubble.offsetHeight - 8)}px`;
      return x;
    }

    function point(event) {
      if (!marks) prepare();
      const drawn = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / drawn.width;
      const x = (event.clientX - drawn.left) * scale, y = (event.clientY - drawn.top) * scale;
      const mark = nearest(marks, x, y);
      if (mark) show(mark); else hide();
    }

    // The next mark that is not told together with the present one.
    function next(step) {
      const present = at < 0 ? [] : together(marks, marks[at]);
      let place = at < 0 && step < 0 ? marks.length : at;
      do place += step; while (present.includes(marks[place]));
      return marks[place];
    }

    function press(event) {
      const steps = { ArrowRight: 1, ArrowLeft: -1 };
      if (event.key === "Escape") return hide();
      if (!(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
      if (!marks) prepare();
      event.preventDefault();
      const mark = next(steps[event.key]);
      if (!mark) return;
      const x = show(mark);
      chart.scrollLeft += x - chart.clientWidth / 2;
      show(mark);
      spoken.textContent = [...bubble.children].map(line => line.textContent).join(". ");
    }

    function focus() {
      if (!chart.matches(":focus-visible")) return;
      if (!marks) prepare();
      put([HINT]);
      bubble.style.left = bubble.style.top = "0px";
    }

    chart.addEventListener("pointermove", point);
    chart.addEventListener("pointerdown", point);
    chart.addEventListener("pointerleave", event => event.pointerType === "mouse" && hide());
    chart.addEventListener("scroll", () => document.activeElement !== chart && hide());
    chart.addEventListener("keydown", press);
    chart.addEventListener("focus", focus);
    chart.addEventListener("blur", hide);
    document.addEventListener("pointerdown", event => chart.contains(event.target) || hide());
    document.addEventListener("keydown", event => event.key === "Escape" && hide());
  }

  function startAll() { document.querySelectorAll(".vigie-figure .chart").forEach(start); }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startAll);
  else startAll();
})();
