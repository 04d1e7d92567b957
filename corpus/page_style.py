"""Page style: the one style sheet of all HTML pages, light and dark, from a telephone's width up.

The page itself never scrolls sideways: what is wider than the screen scrolls inside a box of its own.
"""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #d8dde4; --paper: #fff; --tint: #f4f6f9;
  --link: #1f5f8f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --soft: #9aa5b4; --line: #39424f; --paper: #14181f; --tint: #1c222b; --link: #7db7e3; }
  figure svg:not(.ink) { background: #fff; border-radius: 6px; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { max-width: 46rem; }
p.lead { color: var(--soft); margin-top: 0; }
a { color: var(--link); }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: 1rem 0; font-size: .92rem; }
.totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .6rem; margin: 1rem 0; }
.totals div { background: var(--tint); border-radius: 6px; padding: .6rem .8rem; display: flex;
  flex-direction: column; }
.totals dd { margin: 0; font-size: 1.3rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.totals dt { color: var(--soft); font-size: .88rem; }
.scroll { overflow-x: auto; max-width: 100%; }
.scroll.long { max-height: 40rem; overflow-y: auto; border-bottom: 1px solid var(--line); }
table { border-collapse: collapse; width: max-content; font-variant-numeric: tabular-nums; font-size: .92rem;
  overflow-wrap: normal; }
caption { text-align: left; color: var(--soft); padding: .2rem 0 .4rem; }
th, td { padding: .3rem 1.2rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
  max-width: 26rem; overflow-wrap: break-word; }
th { font-weight: 600; color: var(--soft); position: sticky; top: 0; background: var(--paper); }
td.number, th.number { text-align: right; white-space: nowrap; }
figure { margin: 1rem 0; }
figure svg, figure img { max-width: 100%; height: auto; }
figcaption { color: var(--soft); font-size: .9rem; }
details { border-bottom: 1px solid var(--line); padding: .35rem 0; }
summary { cursor: pointer; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .8rem; list-style: none;
  margin: .6rem 0; padding: 0; }
.tiles li { min-width: 0; font-size: .82rem; line-height: 1.35; }
.tiles img, .tiles .missing { display: flex; width: 9rem; height: 9rem; max-width: 100%; object-fit: contain;
  background: var(--tint); border-radius: 4px; }
.tiles .missing { align-items: center; justify-content: center; text-align: center; color: var(--soft);
  padding: .6rem; }
.tiles .label { display: block; margin-top: .25rem; }
@media (max-width: 40rem) {
  figure svg { min-width: 36rem; }
  th, td { max-width: 16rem; }
  .tiles { grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); }
}
@media print { .scroll.long { max-height: none; } }
"""
