// What the theme's dialogs lack for keyboards and screen readers, and the switch that pauses live pages.
"use strict";

// Asked by every page that refreshes itself: not while paused, hidden, or with a dialog open.
function consoleLive() {
  return localStorage.getItem("console-paused") !== "1" && !document.hidden && !document.querySelector("#modal-content #dialog:not([data-closed])");
}

(function () {
  let opener = null;

  function showSwitches() {
    const paused = localStorage.getItem("console-paused") === "1";
    for (const button of document.querySelectorAll("[data-live-switch]")) {
      button.setAttribute("aria-pressed", String(!paused));
      button.querySelector("[data-live-word]").textContent = paused ? "Paused" : "Live";
    }
  }

  function openDialog(content) {
    const heading = content.querySelector("h2");
    content.setAttribute("role", "dialog");
    content.setAttribute("aria-modal", "true");
    if (heading) {
      heading.id = "dialog-title";
      content.setAttribute("aria-labelledby", "dialog-title");
    }
    const wanted = content.querySelector("input:not([type=hidden]), select, textarea, button[type=submit]");
    // The theme shows the dialog in its next tick; what is hidden cannot take the focus.
    setTimeout(() => wanted && wanted.focus(), 60);
  }

  function closeDialog() {
    const dialog = document.querySelector("#modal-content #dialog");
    if (dialog) dialog.dataset.closed = "1";
    if (opener && opener.isConnected) opener.focus();
    opener = null;
  }

  function showLogEnd() {
    const log = document.querySelector("#live[hx-get] .log");
    if (log) log.scrollTop = log.scrollHeight;
  }

  // What is scrolled stays so when its page refreshes itself.
  const scrolled = new Map();
  document.addEventListener("htmx:beforeSwap", () => {
    for (const part of document.querySelectorAll("[data-keep-scroll]")) scrolled.set(part.id, [part.scrollLeft, part.scrollTop]);
  });

  function scrollBack() {
    for (const part of document.querySelectorAll("[data-keep-scroll]")) {
      const [left, top] = scrolled.get(part.id) || [0, 0];
      part.scrollTo(left, top);
    }
  }

  // Where more of a wide table or picture is than can be seen.
  function showBeyond(part) {
    const left = part.scrollLeft > 1, right = part.scrollLeft + part.clientWidth < part.scrollWidth - 1;
    if (left || right) part.dataset.beyond = left && right ? "both" : left ? "left" : "right";
    else delete part.dataset.beyond;
  }

  const sizes = new ResizeObserver((seen) => { for (const each of seen) showBeyond(each.target); });

  function watchWide() {
    sizes.disconnect();
    for (const part of document.querySelectorAll(".scroll, .run-graph")) {
      sizes.observe(part);
      part.addEventListener("scroll", () => showBeyond(part), { passive: true });
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    showSwitches();
    watchWide();
    showLogEnd();
    const content = document.getElementById("modal-content");
    if (!content) return;
    new MutationObserver(() => {
      if (content.parentElement.style.display === "none") closeDialog();
    }).observe(content.parentElement, { attributes: true, attributeFilter: ["style"] });
    content.addEventListener("keydown", (event) => {
      if (event.key !== "Tab") return;
      const stops = [...content.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea")];
      const [first, last] = [stops[0], stops[stops.length - 1]];
      if (event.shiftKey && document.activeElement === first) { event.preventDefault(); last.focus(); }
      else if (!event.shiftKey && document.activeElement === last) { event.preventDefault(); first.focus(); }
    });
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.closest("a[hx-get]")) opener = event.target;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const content = event.target.closest("#modal-content");
    if (content) openDialog(content);
    const live = event.detail.target.id === "live" && document.getElementById("live");
    // It has ended: other buttons make sense now.
    if (live && !live.hasAttribute("hx-get")) location.reload();
    showSwitches();
    showLogEnd();
    scrollBack();
    watchWide();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-live-switch]");
    if (button) {
      localStorage.setItem("console-paused", localStorage.getItem("console-paused") === "1" ? "0" : "1");
      showSwitches();
    }
    if (event.target.matches("[data-select]")) event.target.select();
  });
})();
