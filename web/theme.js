// Sets the theme before the first paint when the reader wants it as the system has it; loaded in the head, on purpose not deferred.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const wish = root.dataset.theme;
    root.dataset.bsTheme = wish === "auto" ? (dark.matches ? "dark" : "light") : wish;
  };
  apply();
  dark.addEventListener("change", apply);
  window.amphiTheme = (wish) => {
    root.dataset.theme = wish;
    apply();
  };
})();
