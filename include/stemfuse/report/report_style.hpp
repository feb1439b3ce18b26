// How a report looks, on screens and on paper.
#pragma once

#include <string_view>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Stands in the head of a report. The policy forbids scripts, and loads from anywhere.
inline constexpr std::string_view report_head = R"(<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light; --ink: #1d2129; --soft: #5a6270; --line: #d9dde3; --curve: #1f4e8c; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 2rem 3rem; max-width: 76rem; background: #fff; color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
header { border-bottom: 2px solid var(--ink); margin-bottom: 1.5rem; padding-bottom: .8rem; }
header p { margin: 0; color: var(--soft); }
h1 { margin: .1rem 0 .2rem; font-size: 1.9rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 .4rem; font-size: 1.25rem; }
h3 { margin: 0 0 .35rem; font-size: 1rem; overflow-wrap: anywhere; }
main > h2:first-child { margin-top: 0; }
main > p { margin: 0 0 1rem; color: var(--soft); }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); gap: 1.6rem 2rem; }
.pair, .charts svg, table { break-inside: avoid; }
.panels { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: .6rem; align-items: end; }
figure { margin: 0; }
.picture { position: relative; width: fit-content; }
.picture img { display: block; max-width: 100%; width: auto; height: auto; max-height: 28rem;
  image-rendering: pixelated; }
.profile svg { max-width: 100%; height: auto; }
.scale { position: absolute; left: 4%; bottom: 4%; border-bottom: 3px solid #fff; color: #fff; font-size: .8rem;
  line-height: 1.45; white-space: nowrap; filter: drop-shadow(0 0 1px #000) drop-shadow(0 0 2px #000); }
figcaption { font-size: .88rem; color: var(--soft); margin-top: .2rem; }
.bar, .legend { display: flex; align-items: center; gap: .5rem; margin-top: .3rem; font-size: .85rem;
  font-variant-numeric: tabular-nums; }
.bar .offset { font-weight: 700; }
.bar img { flex: 1; min-width: 4rem; height: .7rem; }
.legend { gap: 1rem; }
.legend span { display: inline-flex; align-items: center; gap: .35rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 1rem 1.5rem;
  margin: .6rem 0 1.2rem; }
.charts svg { width: 100%; height: auto; overflow: visible; }
svg text { font-size: 12px; fill: var(--soft); }
svg .name { font-size: 14px; font-weight: 600; fill: var(--ink); }
svg path { fill: none; }
svg .grid { stroke: var(--line); }
svg .axis { stroke: var(--soft); }
svg .curve { stroke: var(--curve); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .other { stroke: #b4bcc8; stroke-width: 1.2; }
svg .error { stroke: var(--curve); stroke-width: 1.2; }
svg .taken { fill: none; stroke: #b35c00; stroke-width: 2; }
.tables { display: flex; flex-wrap: wrap; gap: 1.6rem 3rem; align-items: flex-start; }
table { min-width: min(24rem, 100%); border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .35rem; }
th, td { padding: .25rem .9rem .25rem 0; border-top: 1px solid var(--line); text-align: right; vertical-align: top; }
th[scope=row], th:first-child { text-align: left; font-weight: 500; overflow-wrap: anywhere; }
thead th { font-weight: 500; color: var(--soft); border-top: 0; }
table:not(:has(thead)) td { text-align: left; overflow-wrap: anywhere; }
.warnings { border-left: 4px solid #b35c00; background: #fff6ea; padding: .7rem 1rem; margin-bottom: 1.5rem; }
.warnings h2 { margin: 0; font-size: 1rem; }
.warnings ul { margin: .3rem 0 0; padding-left: 1.2rem; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .6rem; color: var(--soft);
  font-size: .85rem; }
@media print {
  @page { margin: 14mm; }
  body { padding: 0; max-width: none; font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .maps { grid-template-columns: 1fr 1fr; gap: 6mm; }
  .charts { grid-template-columns: 1fr 1fr; }
  h2 { break-after: avoid; }
}
</style>
)";

}  // namespace stemfuse::inline STEMFUSE_ABI::io
