"""How reports look: style sheet and script, with nothing from outside."""

#: Colours by name, on white and on black: the ink of text and axes, and the palette of the plots.
_LIGHT = {
    "paper": "#ffffff", "ink": "#222222", "soft": "#555555", "pale": "#bbbbbb", "rule": "#dddddd", "wash": "#f5f6f7",
    "shade": "rgb(0 0 0 / .22)", "c0": "#0072b2", "c1": "#d55e00", "c2": "#009e73", "c3": "#cc79a7", "c4": "#e69f00",
    "c5": "#56b4e9",
}  # fmt: skip
_DARK = {
    "paper": "#16181b", "ink": "#e4e4e4", "soft": "#b0b4b8", "pale": "#5c6166", "rule": "#3a3e43", "wash": "#202327",
    "shade": "rgb(255 255 255 / .3)", "c0": "#4fa8de", "c1": "#f0843c", "c2": "#35c49a", "c3": "#dd98bd",
    "c4": "#f0b83c", "c5": "#86cbf2",
}  # fmt: skip


def _variables(colours: dict[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


CSS = (
    f"""
:root {{ color-scheme: light dark; {_variables(_LIGHT)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(_DARK)} }} }}
"""
    + """
:root { --band0: color-mix(in srgb, var(--c0) 28%, var(--paper));
        --band1: color-mix(in srgb, var(--c0) 50%, var(--paper)); }
* { box-sizing: border-box; }
html { scroll-padding-top: 3.2rem; }
body { margin: 0; background: var(--paper); color: var(--ink);
       font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; overflow-wrap: anywhere; }
h1.part { margin-top: 3rem; border-top: 4px solid var(--c0); padding-top: .8rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-bottom: 2px solid var(--c0); padding-bottom: .2rem; }
h3 { font-size: 1.05rem; margin: 1.3rem 0 .3rem; overflow-wrap: anywhere; }
p, li { max-width: 46rem; overflow-wrap: anywhere; }
a { color: var(--c0); }
.lead { color: var(--soft); }
.verdict { border-left: 4px solid var(--c0); padding: .1rem 0 .1rem .8rem; margin: .8rem 0; }
nav { position: sticky; top: 0; z-index: 3; background: var(--paper); border-bottom: 1px solid var(--rule); }
nav div { display: flex; gap: 0 1.1rem; overflow-x: auto; padding: .45rem 1rem; white-space: nowrap;
          font-size: .85rem; max-width: 82rem; margin: 0 auto; }
nav a { text-decoration: none; }
nav a.part { font-weight: 600; color: var(--ink); }
nav a.part:not(:first-child) { border-left: 1px solid var(--rule); padding-left: 1.1rem; }
nav div, .wide { background:
  linear-gradient(to right, var(--paper) 40%, transparent) left / 2.5rem 100% no-repeat local,
  linear-gradient(to left, var(--paper) 40%, transparent) right / 2.5rem 100% no-repeat local,
  linear-gradient(to right, var(--shade), transparent) left / .8rem 100% no-repeat scroll,
  linear-gradient(to left, var(--shade), transparent) right / .8rem 100% no-repeat scroll; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); gap: .4rem 1.5rem; }
figure { margin: 0 0 .8rem; break-inside: avoid; min-width: 0; }
.single figure { max-width: 46rem; }
svg { width: 100%; height: auto; display: block; }
figure svg { fill: var(--ink); overflow: visible; }
svg * { stroke-linejoin: round; stroke-linecap: butt; }
svg text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
figcaption { font-size: .88rem; color: var(--soft); }
.keys { display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; margin: .4rem 0; padding: 0; list-style: none;
        font-size: .88rem; }
.keys li { display: flex; align-items: center; gap: .45rem; max-width: 100%; min-width: 0; }
.keys svg { width: 1.8rem; height: .9rem; flex: none; }
.wide { overflow-x: auto; margin: .5rem 0; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .45rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
thead th { white-space: normal; border-bottom: 2px solid var(--ink); vertical-align: bottom; }
thead th.sorts { cursor: pointer; }
thead th.sorts:hover, thead th.sorts:focus-visible { color: var(--c0); }
th[aria-sort=ascending]::after { content: " \\25B2"; font-size: .7em; }
th[aria-sort=descending]::after { content: " \\25BC"; font-size: .7em; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--paper);
  min-width: 5.5rem; max-width: 16rem; white-space: normal; overflow-wrap: break-word; }
td.text { text-align: left; white-space: normal; min-width: 12rem; overflow-wrap: anywhere; }
pre { font-size: .75rem; overflow-x: auto; background: var(--wash); padding: .6rem; }
code { overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 600; }
@media screen and (max-width: 40rem) {
  .cards { background: none; }
  .cards thead { display: none; }
  .cards table, .cards tbody, .cards tr, .cards td { display: block; width: 100%; max-width: none; }
  .cards tr { border: 1px solid var(--pale); border-radius: .3rem; margin: 0 0 .7rem; padding: .2rem .5rem; }
  .cards td { display: flex; justify-content: space-between; gap: 1rem; white-space: normal; text-align: right; }
  .cards td::before { content: attr(data-label); text-align: left; color: var(--soft); flex: 0 1 60%; }
  .cards td:first-child { font-weight: 600; position: static; }
  .cards td:last-child { border-bottom: 0; }
}
@media print {
  @page { margin: 14mm; }
  nav { display: none; }
  main { max-width: none; padding: 0; }
  body { font-size: 9.5pt; }
  .wide { overflow: visible; background: none; }
  table { font-size: 7pt; }
  th, td { padding: .1rem .25rem; }
  td:first-child, th:first-child { position: static; }
  .figures { grid-template-columns: 1fr 1fr; gap: 0 1rem; }
  .figures svg { max-height: 5.3cm; }
  figure { margin: 0 0 .3rem; }
  figcaption, .keys { font-size: 8pt; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  .single figure { max-width: 11.5cm; }
  .single svg { max-height: 10cm; }
  h1, h2, h3, .keys { break-after: avoid; }
  details:not([open]), h2:has(+ details:not([open])) { display: none; }
}
"""
)

#: Click on the head of a column, or press Enter there, and the rows are sorted by it; again, and the other way round.
SCRIPT = """
document.querySelectorAll("table").forEach(table => {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  if (body.rows.length < 2) return;
  const value = (row, i) => {
    const text = row.cells[i].textContent, number = parseFloat(text.replace(/,/g, ""));
    return Number.isNaN(number) ? text : number;
  };
  heads.forEach((head, i) => {
    const sort = () => {
      const down = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach(one => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down > 0 ? "ascending" : "descending");
      [...body.rows].map(row => [value(row, i), row]).sort(([a], [b]) => down * (
        typeof a !== typeof b ? (typeof a === "number" ? -1 : 1) * down :
        typeof a === "number" ? a - b : a.localeCompare(b))).forEach(([, row]) => body.append(row));
    };
    head.classList.add("sorts");
    head.tabIndex = 0;
    head.addEventListener("click", sort);
    head.addEventListener("keydown", event => event.key === "Enter" && sort());
  });
});
"""
