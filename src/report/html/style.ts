/** The page's style. Colours meet WCAG 2.2's contrast of 4.5 for text and 3 for graphics in both schemes. */
export const STYLE = `
:root{color-scheme:light dark;--paper:#fff;--panel:#f5f6f8;--ink:#1b1f24;--soft:#565d66;--line:#d5d9df;--strong-line:#868e98;--link:#0b57a4;
--right:#00694e;--wrong:#a8321a;--mark:#6d3fa0;--bar-0:#2f6fb5;--bar-1:#b5591a;--bar-2:#1f7f66;--bar-3:#8d559f;--bar-4:#806a12;--bar-5:#5f6670;
--shade-1:#e8f0f9;--shade-2:#d3e3f4;--shade-3:#bbd4ee;--shade-4:#a2c4e7;--shade-5:#8ab4df;--notice:#fdf6e3;--notice-line:#b28704}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--panel:#1d2126;--ink:#e8eaed;--soft:#a9b1bb;--line:#353b43;--strong-line:#7d8691;--link:#8ab8f2;
--right:#5cc9a5;--wrong:#f59a80;--mark:#cba6f2;--bar-0:#6ea8e6;--bar-1:#e5935a;--bar-2:#54b598;--bar-3:#c08fd2;--bar-4:#c2a83c;--bar-5:#9aa2ac;
--shade-1:#1b2733;--shade-2:#1f3247;--shade-3:#243e5c;--shade-4:#2a4b72;--shade-5:#305988;--notice:#2a2517;--notice-line:#c9a227}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;padding:1.5rem clamp(.75rem,3vw,2.5rem) 4rem;max-width:82rem;background:var(--paper);color:var(--ink);
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:break-word}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .25rem;letter-spacing:-.01em}
h2{font-size:1.35rem;line-height:1.3;margin:3rem 0 .75rem;padding-top:1rem;border-top:1px solid var(--line)}
h2 small,h3 small{font-weight:400;font-size:.85em;color:var(--soft)}
h3{font-size:1.05rem;margin:1.75rem 0 .5rem}
h4{font-size:.95rem;margin:1.25rem 0 .4rem}
p{margin:.5rem 0;max-width:68ch}
ul{padding-left:1.25rem}
li{margin:.35rem 0;max-width:68ch}
a{color:var(--link);text-underline-offset:.15em}
code,kbd,pre{font:.875em/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{overflow-wrap:anywhere}
kbd{border:1px solid var(--strong-line);border-radius:3px;padding:0 .3em}
small{font-size:.85em;color:var(--soft)}
.aside,.lead{color:var(--soft)}
.aside{font-size:.9rem}
.notice{background:var(--notice);border-left:4px solid var(--notice-line);padding:.6rem .9rem;margin:1rem 0;max-width:none}
.contents ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:1rem 0}
.contents li{min-width:0;overflow-wrap:anywhere}
.finding h3{margin-bottom:.25rem}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:2px}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);font-size:.9em;padding:.25rem 0;overflow-wrap:anywhere}
th,td{padding:.35rem .7rem;text-align:right;vertical-align:top;border-bottom:1px solid var(--line)}
td{white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}
thead th{border-bottom:1px solid var(--strong-line);vertical-align:bottom;font-weight:600}
tbody th{font-weight:400}
.bars{margin:1.25rem 0;max-width:62rem}
figcaption{color:var(--soft);font-size:.9rem;margin-bottom:.5rem}
.bar-group{margin:.6rem 0}
.bar-group h4{margin:.5rem 0 .15rem}
.bar-group ul{list-style:none;margin:0;padding:0}
.bar-row{display:grid;grid-template-columns:minmax(8rem,16rem) 1fr 10.5rem;gap:.75rem;align-items:center;margin:.1rem 0;max-width:none;font-size:.9rem}
.bar-name{overflow-wrap:anywhere}
.bar-value{font-variant-numeric:tabular-nums;white-space:nowrap}
.bar{width:100%;height:1.25rem;display:block;overflow:visible}
.bar path{fill:none;vector-effect:non-scaling-stroke}
.bar-grid{stroke:var(--line)}
.whisker{fill:none;stroke:var(--ink);stroke-width:1.5}
.whisker-halo{stroke:var(--paper);stroke-width:4}
.baseline{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:3 3}
.fill-0{fill:var(--bar-0)}.fill-1{fill:var(--bar-1)}.fill-2{fill:var(--bar-2)}.fill-3{fill:var(--bar-3)}.fill-4{fill:var(--bar-4)}.fill-5{fill:var(--bar-5)}
.ticks{display:flex;justify-content:space-between;color:var(--soft);font-size:.8rem}
.matrices,.plots{display:flex;flex-wrap:wrap;gap:1.5rem 3rem}
.matrix,.plot{max-width:100%;min-width:0}
.matrix tbody th,.matrix td{vertical-align:middle}
.cell{display:inline-block;min-width:4.5rem;padding:.1rem .4rem;border:2px solid transparent;border-radius:3px;white-space:nowrap}
.cell small{color:inherit}
.diagonal{border-color:var(--ink);font-weight:600}
.shade-1{background:var(--shade-1)}.shade-2{background:var(--shade-2)}.shade-3{background:var(--shade-3)}.shade-4{background:var(--shade-4)}.shade-5{background:var(--shade-5)}
.plot{margin:0;width:22rem}
.plot figcaption{overflow-wrap:anywhere}
.plot figcaption small{display:block}
.plot svg{max-width:100%;height:auto}
.plot text{fill:var(--soft);font-size:12px}
.plot .grid{stroke:var(--line);fill:none}
.reliability{fill:var(--bar-0);opacity:.55}
.point{fill:var(--ink)}
.perfect{stroke:var(--ink);stroke-dasharray:4 4;fill:none}
summary{cursor:pointer}
.loss{margin:.5rem 0}
.loss svg{max-width:100%;height:auto;display:block}
.narrow{display:none}
dl{margin:0;display:grid;gap:.35rem}
dl div{display:grid;grid-template-columns:minmax(8rem,14rem) 1fr;gap:0 1rem}
dt{color:var(--soft)}
dd{margin:0;min-width:0;overflow-wrap:anywhere}
.notes{margin-top:.75rem}
#filters{display:flex;flex-wrap:wrap;gap:.6rem 1rem;align-items:end;background:var(--panel);padding:.8rem;border-radius:6px}
#filters label{display:grid;grid-template-columns:minmax(0,auto);gap:.15rem;font-size:.85rem;color:var(--soft);min-width:0}
#filters label[hidden]{display:none}
select,input,button{font:inherit;font-size:.95rem;color:var(--ink);background:var(--paper);border:1px solid var(--strong-line);border-radius:4px;padding:.3rem .5rem;max-width:100%;min-height:2.1rem}
select{max-width:16rem}
::placeholder{color:var(--soft);opacity:1}
button{cursor:pointer}
button:disabled{cursor:default;color:var(--soft);border-color:var(--line)}
#count{color:var(--soft);font-size:.9rem}
.explorer{display:grid;grid-template-columns:minmax(0,5fr) minmax(0,7fr);gap:2rem;align-items:start}
.list tr.selected th,.list tr.selected td{background:var(--shade-2)}
.list table{width:100%}
.list th,.list td{text-align:left;max-width:16rem;white-space:normal}
.list thead th{position:sticky;top:0;background:var(--paper)}
.list .scroll{max-height:80vh;overflow-y:auto;position:relative}
.list th:first-child{padding-left:.4rem}
.list tbody th small{display:block;overflow-wrap:anywhere;min-width:6rem}
.pages{display:flex;gap:.75rem;align-items:center;justify-content:space-between;margin:.6rem 0;font-size:.9rem;color:var(--soft);flex-wrap:wrap}
#detail{min-width:0;border:1px solid var(--line);border-radius:6px;padding:0 1rem 1rem;scroll-margin-top:.5rem}
#detail h3{margin-top:.9rem;overflow-wrap:anywhere}
#detail td:first-child,#detail tbody th{overflow-wrap:anywhere}
.detail-head{display:flex;flex-wrap:wrap;gap:0 1rem;justify-content:space-between;align-items:baseline}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.3rem 0;padding:.6rem .75rem;background:var(--panel);border-radius:4px;font-family:inherit;font-size:.95rem;unicode-bidi:plaintext}
details{margin:.4rem 0}
.verdict{font-weight:600}
.right{color:var(--right)}.wrong,.invalid{color:var(--wrong)}
.list .verdict{font-weight:400}
.hidden-character{border:1px solid var(--mark);border-radius:3px;color:var(--mark);font-size:.8em;padding:0 .25em;margin:0 .1em;unicode-bidi:isolate;direction:ltr;display:inline-block}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.9rem}
@media (max-width:60rem){.explorer{grid-template-columns:minmax(0,1fr)}.list .scroll{max-height:50vh}}
@media (max-width:40rem){.bar-row{grid-template-columns:1fr;gap:0;margin:.5rem 0}.bar-row.axis{margin:0}.bar-row.axis span:empty{display:none}
.wide{display:none}.narrow{display:block}dl div{grid-template-columns:1fr}#filters label{flex:1 1 8rem;grid-template-columns:minmax(0,1fr)}select,input{width:100%;max-width:none}.plot{width:100%}}
@media (forced-colors:active){.bar rect,.reliability{forced-color-adjust:none}}
@media print{body{max-width:none;padding:0;font-size:10pt}a{color:inherit;text-decoration:none}.contents,#filters,#count,.list,.pages,.keys,.to-questions{display:none}
.explorer{display:block}#detail{border:0;padding:0}h2,h3,h4{break-after:avoid}table,figure,svg,.run{break-inside:avoid}.scroll{overflow:visible}}
`;
