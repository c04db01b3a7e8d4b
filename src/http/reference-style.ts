/** The one style sheet; served by ourselves, because nothing on these pages comes from elsewhere. */
export const STYLE = `
:root { --ink: #1c2430; --soft: #5a6675; --line: #dde3ea; --paper: #fff; --shade: #f5f7fa; --accent: #0b63b8;
  --get: #1a7f4b; --post: #0b63b8; --patch: #8a5a00; --delete: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ef; --soft: #9aa7b6; --line: #2c3644; --paper: #12171e;
  --shade: #1a212b; --accent: #6cb4ff; --get: #58c78d; --post: #6cb4ff; --patch: #e0b050; --delete: #ff8a80; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 4rem; }
body { margin: 0; color: var(--ink); background: var(--paper); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
header { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline;
  padding: .6rem 1.25rem; background: var(--paper); border-bottom: 1px solid var(--line); }
header h1 { margin: 0; font-size: 1.1rem; } header h1 a { color: inherit; }
header nav { margin-left: auto; display: flex; gap: 1rem; } .version { color: var(--soft); font-size: .85rem; }
.columns { display: grid; grid-template-columns: 14rem minmax(0, 1fr); max-width: 84rem; margin: 0 auto; }
.contents { position: sticky; top: 3rem; align-self: start; max-height: calc(100vh - 3rem); overflow-y: auto;
  padding: 1rem 1.25rem; border-right: 1px solid var(--line); font-size: .9rem; }
.contents h2 { margin: .9rem 0 .1rem; font-size: .8rem; text-transform: uppercase; letter-spacing: .05em; }
.contents h2 a { color: var(--soft); } .contents ul { margin: 0; padding: 0; list-style: none; }
.steps { display: flex; flex-wrap: wrap; gap: .2rem 2rem; margin: .25rem 0; padding-left: 1.2rem; }
.overview details { border-bottom: 1px solid var(--line); } .overview summary { padding: .3rem 0; color: var(--ink); }
.overview summary b { display: inline-block; min-width: 6.5rem; color: var(--accent); } .overview small { float: right; }
.overview summary span, .overview li span:last-child { color: var(--soft); font-size: .9rem; }
.overview ul { margin: 0 0 .6rem; padding: 0 0 0 1.1rem; list-style: none; } .overview li { padding: .15rem 0; overflow-wrap: anywhere; }
main { padding: 1rem 2rem 6rem; min-width: 0; } main.alone { max-width: 60rem; margin: 0 auto; }
main h2 { margin: 2.5rem 0 .25rem; font-size: 1.5rem; } .about { max-width: 46rem; }
article { margin: 1.5rem 0; padding: 1rem 1.25rem; border: 1px solid var(--line); border-radius: .6rem; }
article:target { border-color: var(--accent); }
article h3 { margin: 0; font-size: 1.1rem; } .anchor { color: inherit; }
.call { margin: .35rem 0; overflow-wrap: anywhere; } .who, .errors, .forms { margin: .35rem 0; color: var(--soft); font-size: .9rem; }
h4 { margin: 1rem 0 .25rem; font-size: .8rem; text-transform: uppercase; letter-spacing: .05em; color: var(--soft); }
.method { display: inline-block; min-width: 3.6rem; padding: 0 .4rem; border: 1px solid currentColor; border-radius: .3rem;
  font-size: .75rem; font-weight: 700; text-align: center; }
.get { color: var(--get); } .post { color: var(--post); } .patch { color: var(--patch); } .delete { color: var(--delete); }
code, pre { font: .87em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { overflow-wrap: anywhere; } p code, .about code { padding: 0 .2em; border-radius: .2em; background: var(--shade); }
pre { margin: .5rem 0; padding: .7rem .9rem; overflow-x: auto; border-radius: .4rem; background: var(--shade); white-space: pre; }
.wide { overflow-x: auto; } table { width: 100%; border-collapse: collapse; font-size: .9rem; }
th { padding: .2rem .6rem .2rem 0; text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--line); }
td { padding: .3rem .6rem .3rem 0; vertical-align: top; border-bottom: 1px solid var(--line); }
tr:target td { background: var(--shade); } td:first-child { min-width: 13rem; } .type { color: var(--soft); min-width: 8rem; max-width: 14rem; overflow-wrap: break-word; }
td b { color: var(--delete); } small { color: var(--soft); } summary { cursor: pointer; color: var(--accent); }
@media (max-width: 52rem) {
  header { position: static; } header nav { margin-left: 0; }
  .columns { display: block; } .contents { display: none; } .overview summary, .overview li { padding: .45rem 0; }
  main { padding: .5rem 1rem 4rem; } article { padding: .8rem .9rem; }
  table, thead, tbody, tr, td { display: block; } thead { display: none; }
  tr { padding: .5rem 0; border-bottom: 1px solid var(--line); } td { padding: 0; border: 0; } td:first-child { min-width: 0; } td:empty { display: none; } .type { min-width: 0; max-width: none; }
}
@media print { .contents, header nav { display: none; } .columns { display: block; } article { break-inside: avoid; } }
`;
