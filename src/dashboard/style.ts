/** The dashboard's style, light and dark. Text has a contrast of 4.5 and lines one of 3 in both. */
export const DASHBOARD_STYLE = `
:root{color-scheme:light dark;--paper:#fff;--panel:#f5f6f8;--ink:#1b1f24;--soft:#565d66;--line:#d5d9df;--raw:#6d97c9;--main:#1f5fae;--dot:#b93a08;--link:#0b57a4;--notice:#fdf6e3;--notice-line:#b28704}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--panel:#1d2126;--ink:#e8eaed;--soft:#a9b1bb;--line:#353b43;--raw:#5a82b4;--main:#8ab8f2;--dot:#fb923c;--link:#8ab8f2;--notice:#2a2517;--notice-line:#c9a227}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.25rem clamp(.75rem,3vw,2.5rem) 3rem;max-width:82rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:0}
h2{font-size:1rem;margin:0 0 .4rem}
#status{margin:.25rem 0;color:var(--soft)}
progress{width:100%;height:.6rem;accent-color:var(--main)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin:1rem 0}
dt{color:var(--soft);font-size:.85rem}
dd{margin:0;font-size:1.15rem;font-variant-numeric:tabular-nums}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem;margin-bottom:1.5rem}
.chart{background:var(--panel);border-radius:6px;padding:.75rem;min-width:0}
.wide{grid-column:1/-1}
svg{display:block;width:100%}
svg text{fill:var(--soft);font-size:12px}
.grid{stroke:var(--line)}
.epoch{stroke:var(--soft);stroke-dasharray:3 4}
.limit{stroke:var(--dot);stroke-dasharray:6 3}
.raw{fill:none;stroke:var(--raw)}
.main{fill:none;stroke:var(--main);stroke-width:2;stroke-linejoin:round}
.dot{fill:var(--dot);stroke:var(--panel)}
.empty{color:var(--soft);margin:.5rem 0}
.notice{background:var(--notice);border-left:4px solid var(--notice-line);padding:.5rem .8rem;margin:.5rem 0}
.sample{background:var(--panel);border-radius:6px;padding:.5rem .75rem;margin:.5rem 0}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.2rem 0 .6rem;font:inherit;unicode-bidi:plaintext}
.key,.label{color:var(--soft);font-size:.85rem;margin:0 0 .3rem}
summary{cursor:pointer}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--line)}
`;
