// The page of stemfuse explore: one text, which loads nothing from elsewhere.
#pragma once

#include <string>
#include <string_view>

#include "explore_controls.hpp"
#include "explore_pictures.hpp"
#include "explore_view.hpp"

namespace program {

inline constexpr std::string_view explore_style = R"style(
:root { color-scheme: light dark; --paper: #f4f4f4; --panel: #fff; --ink: #1c1c1c; --soft: #5c5c5c; --line: #cfcfcf;
  --mark: #0b62c4; --bad: #b3261e; --good: #1a6b35; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1e1e1e; --panel: #282828; --ink: #ececec; --soft: #a8a8a8; --line: #4a4a4a; --mark: #7db7ff;
    --bad: #ff8f85; --good: #7fd39a; }
}
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body { display: grid; grid-template-columns: 19rem minmax(0, 1fr); grid-template-rows: auto minmax(0, 1fr) auto;
  background: var(--paper); color: var(--ink);
  font: 14px/1.4 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
header { grid-column: 1 / 3; display: flex; gap: .3rem 1.2rem; align-items: center; flex-wrap: wrap;
  padding: .4rem .9rem; border-bottom: 1px solid var(--line); }
h1 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
header label { display: inline-flex; gap: .35rem; align-items: center; }
header .tools { margin-left: auto; display: flex; gap: .4rem 1rem; flex-wrap: wrap; }
form { overflow: hidden auto; scrollbar-width: thin; padding: .6rem .9rem; border-right: 1px solid var(--line); background: var(--panel); }
.slider { display: grid; grid-template-columns: minmax(0, 1fr) 5rem; gap: 0 .6rem; align-items: center; margin-bottom: .25rem; }
.slider label { font-weight: 600; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.slider small { font-weight: 400; color: var(--soft); }
.slider input[type=range] { grid-column: 1 / 3; width: 100%; margin: .1rem 0 0; accent-color: var(--mark); }
.slider input[type=number] { width: 100%; text-align: right; }
input, select, button, textarea { font: inherit; color: inherit; }
input[type=number], select, textarea { background: var(--paper); border: 1px solid var(--line); border-radius: 3px;
  padding: .1rem .3rem; }
button { white-space: nowrap; background: var(--paper); border: 1px solid var(--soft); border-radius: 4px; padding: .15rem .6rem;
  cursor: pointer; }
button.main { background: var(--mark); border-color: var(--mark); color: var(--panel); font-weight: 600; }
button:disabled { opacity: .5; cursor: default; }
:focus-visible { outline: 3px solid var(--mark); outline-offset: 1px; }
#warnings p { margin: 0 0 .4rem; border-left: 4px solid #c77700; padding-left: .5rem; font-size: .85rem; }
.buttons { display: flex; gap: .5rem; margin: .4rem 0; }
#charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .3rem .7rem; margin: .5rem 0; }
#charts figure { margin: 0; }
#charts figcaption { font-size: .78rem; line-height: 1.25; color: var(--soft); font-variant-numeric: tabular-nums; }
#charts svg { display: block; width: 100%; height: 2.3rem; border-left: 1px solid var(--line);
  border-bottom: 1px solid var(--line); }
#charts path { fill: none; stroke: var(--mark); stroke-width: 2; vector-effect: non-scaling-stroke; }
#charts.old { opacity: .4; }
textarea { width: 100%; height: 5.6rem; resize: vertical; font: 12px/1.35 ui-monospace, "DejaVu Sans Mono", monospace; }
#maps { overflow: hidden; display: flex; flex-wrap: wrap; align-content: center; justify-content: center; gap: 6px 14px;
  padding: 6px; touch-action: none; }
.pair { display: grid; grid-template-columns: auto auto; gap: 0 4px; margin: 0; }
.pair div { display: flex; justify-content: space-between; gap: .4rem; height: 20px; font-size: .82rem;
  white-space: nowrap; overflow: hidden; font-variant-numeric: tabular-nums; }
.pair div b { color: var(--ink); }
.pair div span { color: var(--soft); }
canvas { display: block; background: #000; cursor: crosshair; }
canvas.preview { outline: 2px dashed var(--mark); outline-offset: -2px; }
footer { grid-column: 1 / 3; display: flex; gap: 1.5rem; padding: .3rem .9rem; border-top: 1px solid var(--line);
  color: var(--soft); white-space: nowrap; font-variant-numeric: tabular-nums; }
footer span { overflow: hidden; text-overflow: ellipsis; }
#status { color: var(--ink); flex: none; max-width: 100%; }
#status.bad { color: var(--bad); font-weight: 600; }
#saved { color: var(--good); }
#place { margin-left: auto; flex: none; }
#keys { color: var(--soft); font-size: .85rem; }
@media (max-width: 56rem) {
  body { grid-template-columns: 1fr; grid-template-rows: auto auto minmax(30rem, 1fr) auto; }
  header, footer { grid-column: 1; }
  form { border-right: 0; border-bottom: 1px solid var(--line); }
}
)style";

inline constexpr std::string_view explore_body = R"body(
<header>
<h1 id="title">stemfuse explore</h1><span id="size"></span>
<div class="tools"><span id="keys">maps: + − or wheel zoom, arrows or drag move, 0 shows all</span>
<label>Colours <select id="colours"><option value="hues">element</option><option>viridis</option><option>magma</option>
<option>grey</option></select></label>
<label title="raw and fused maps at the same limits"><input type="checkbox" id="same" checked> raw and fused alike</label>
</div>
</header>
<form id="controls" aria-label="Parameters">
<div id="warnings"></div>
<div id="sliders"></div>
<div class="buttons"><button type="button" class="main" id="save">Save</button>
<button type="button" id="reset">Reset</button><button type="button" id="copy">Copy command</button></div>
<div id="charts" aria-label="Terms of the objective, from the start to the last iteration"></div>
<label for="command">Makes the same maps:</label>
<textarea id="command" readonly spellcheck="false"></textarea>
</form>
<main id="maps" tabindex="0" aria-label="Raw and fused maps: plus and minus zoom, arrows move, 0 shows all"></main>
<footer><span id="status" role="status">reading …</span><span id="saved" role="status"></span><span id="place"></span></footer>
)body";

inline std::string explore_page() {
    std::string page =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>stemfuse explore</title>";
    page +=
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><link rel=\"icon\" href=\"data:,\">";
    page.append("<style>").append(explore_style).append("</style></head><body>").append(explore_body);
    page.append("<script>").append(explore_pictures).append(explore_view).append(explore_controls);
    return page.append("</script></body></html>\n");
}

}  // namespace program
