/** Style sheet of a page: light and dark mode, narrow and wide screens, and print. */
export const pageStyle = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5a626b; --line: #d4d9de; --paper: #ffffff; --panel: #f5f7f8;
  --pass: #1a7f4b; --fail: #b42318; --open: #8a5a00; --mark: #1f5fbf; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a9b1b9; --line: #3a4149; --paper: #16191c;
  --panel: #1f2428; --pass: #5fcf95; --fail: #ff8f85; --open: #f0b95a; --mark: #82b1ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 66rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .75rem; } h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
p { margin: 0 0 .75rem; max-width: 44rem; }
.verdict { border-left: .4rem solid var(--soft); background: var(--panel); padding: 1rem 1.25rem .25rem; }
.verdict.pass { border-color: var(--pass); } .verdict.fail { border-color: var(--fail); }
.verdict.inconclusive { border-color: var(--open); }
.verdict h2 { margin: 0 0 .5rem; } .verdict h3 { margin: 1rem 0 .15rem; font-size: .9rem; color: var(--soft); }
strong.pass, .plot.pass, .legend .pass { color: var(--pass); } strong.fail, .plot.fail, .legend .fail { color: var(--fail); }
strong.inconclusive, .plot.inconclusive, .legend .inconclusive { color: var(--open); }
.wide { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; } td { white-space: nowrap; }
tbody th { font-weight: 400; min-width: 9rem; max-width: 22rem; } th, td { overflow-wrap: break-word; }
td.text { white-space: normal; min-width: 14rem; }
.values { display: grid; grid-template-columns: auto 1fr; gap: .3rem 1.25rem; margin: 0; font-size: .9rem; }
.values dt { color: var(--soft); } .values dd { margin: 0; }
figure { margin: 0 0 1rem; } figcaption { max-width: 44rem; }
figcaption, .note, .legend { color: var(--soft); font-size: .9rem; }
svg { display: block; overflow: visible; } svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
.over text { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0 2.5rem; }
.chart { width: 100%; max-width: 34rem; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: 0 1.1rem; margin: .4rem 0; }
.key { display: inline-block; vertical-align: -4px; }
.rows { list-style: none; margin: 0; padding: 0; }
.row { display: grid; grid-template-columns: minmax(7rem, 27%) 1fr 13.5rem 6.5rem; grid-template-areas: "name plot said status";
  gap: 0 1rem; align-items: center; padding: .3rem 0; border-bottom: 1px solid var(--line); font-size: .9rem; }
.row.all { font-weight: 600; } .row small { font-size: .9em; font-weight: 400; color: var(--soft); }
.row .name { grid-area: name; } .row .plot { grid-area: plot; } .row strong { grid-area: status; }
.row .said { grid-area: said; text-align: right; font-variant-numeric: tabular-nums; }
.scale { display: flex; justify-content: space-between; color: var(--soft); font-size: .8rem; }
.row:has(.scale) { border: 0; padding: 0; }
@media (max-width: 42rem) { h1 { font-size: 1.25rem; }
  .row { grid-template-columns: 1fr 7rem; grid-template-areas: "name status" "plot said"; gap: .15rem .75rem; }
  .row strong { text-align: right; align-self: start; } .row .said small { display: block; }
  .values { grid-template-columns: 1fr; gap: 0; } .values dd { margin-bottom: .5rem; } }
code { display: inline-block; max-width: 100%; font-size: .88em; background: var(--panel); padding: .05em .3em; unicode-bidi: isolate; }
pre.prompt { background: var(--panel); padding: .6rem .75rem; margin: .25rem 0 0; max-height: 24rem; overflow: auto; font-size: .85rem;
  white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
pre.prompt ins, pre.prompt del { text-decoration: none; unicode-bidi: isolate; } pre.prompt ins { color: var(--pass); } pre.prompt del { color: var(--fail); }
@media print { pre.prompt { max-height: none; } body { font-size: 10pt; } main { max-width: none; padding: 0; } .wide { overflow: visible; }
  table { font-size: 7.5pt; } th, td { padding-right: .5rem; } tbody th { min-width: 0; } td { white-space: normal; }
  .row, figure, tr, .verdict { break-inside: avoid; } h2, h3 { break-after: avoid; } }
`
