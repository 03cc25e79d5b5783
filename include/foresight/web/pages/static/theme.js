// Runs before the page is drawn, so that it does not flash: Airflow keeps its theme in localStorage.
(() => {
  const apply = () => {
    let theme = null;
    try { theme = localStorage.getItem("theme"); } catch { /* storage may be refused */ }
    const root = document.documentElement;
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  apply();
  addEventListener("storage", (event) => {
    if (event.key === "theme") { apply(); dispatchEvent(new Event("themechange")); }
  });
})();
