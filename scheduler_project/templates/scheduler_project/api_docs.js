// Light or dark as the reader's system is set, at once and when that changes.
const darkness = window.matchMedia("(prefers-color-scheme: dark)");
const dress = () => {
  document.documentElement.classList.toggle("dark-mode", darkness.matches);
  document.body.style.background = darkness.matches ? "transparent" : "";
};
darkness.addEventListener("change", dress);
dress();

{% include "drf_spectacular/swagger_ui.js" %}
