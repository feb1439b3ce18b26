// Sliders, requests and messages of the page of stemfuse explore.
#pragma once

#include <string_view>

namespace program {

// Script.
inline constexpr std::string_view explore_controls = R"script(
// Sliders go from 0 to 1000 over wide ranges, which are logarithmic; else over the numbers themselves.
function addSlider(slider) {
  const wide = !slider.whole && slider.high / slider.low > 20, {name} = slider;
  const box = element('div', $('sliders'), {className: 'slider'});
  const label = element('label', box, {htmlFor: name + '_number', textContent: slider.label + ' '});
  element('small', label, {textContent: slider.help});
  const number = element('input', box, {type: 'number', id: name + '_number', step: 'any', min: 0});
  const range = element('input', box, wide ? {type: 'range', id: name, min: 0, max: 1000, step: 1} :
    {type: 'range', id: name, min: slider.low, max: slider.high, step: slider.whole ? 1 : 0.01});
  range.setAttribute('aria-label', `${slider.label}, ${slider.help}`);
  const set = (value, from) => {
    values[name] = value;
    const place = Math.log(Math.max(value, slider.low) / slider.low) / Math.log(slider.high / slider.low) * 1000;
    if (from !== range) range.value = wide ? place : value;
    if (from !== number) number.value = value;
    range.setAttribute('aria-valuetext', value);
  };
  range.oninput = () => {
    const value = wide ? slider.low * (slider.high / slider.low) ** (range.value / 1000) : Number(range.value);
    set(Number(value.toPrecision(3)), range);
    touch();
  };
  number.oninput = () => {
    if (number.value === '' || !Number.isFinite(number.valueAsNumber)) return;
    set(number.valueAsNumber, number);
    touch();
  };
  slider.reset = () => set(slider.value, null);
  slider.reset();
}

const brief = v => Math.abs(v) < 1e5 ? Number(v.toPrecision(4)) : v.toExponential(2);

function chart(name, history) {
  const low = Math.min(...history), high = Math.max(...history), n = Math.max(1, history.length - 1);
  const figure = element('figure', $('charts'));
  const path = history.map((v, k) => `${k ? 'L' : 'M'}${100 * k / n} ${high > low ? 38 - 36 * (v - low) / (high - low) : 20}`);
  const caption = element('figcaption', figure, {textContent: name});
  element('br', caption);
  caption.append(`${brief(history[0])} → ${brief(history[n])}`);
  const svg = `<svg viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true"><path d="${path.join('')}"/></svg>`;
  figure.insertAdjacentHTML('beforeend', svg);
}

function say(text, bad = false) {
  $('status').textContent = text;
  $('status').classList.toggle('bad', bad);
}

const milliseconds = seconds => `${Math.round(1000 * seconds)} ms`;

// Shows what came of a change at the time `since`, by performance.now().
function show(result, since) {
  fused = result;
  colourAll(false);
  $('command').value = result.command;
  const preview = result.factor > 1, now = performance.now();
  $('status').setAttribute('aria-live', preview ? 'off' : 'polite');
  performance.measure(preview ? 'preview' : 'full', {start: since, end: now});
  $('charts').classList.toggle('old', preview);
  say((preview ? `preview at 1/${result.factor} of the resolution` : `full resolution, ${result.iterations} iterations`) +
      ` · solved in ${milliseconds(result.seconds)}, shown ${milliseconds((now - since) / 1000)} after the change` +
      (preview ? ' · refining …' : ''));
  if (preview) return;
  $('charts').replaceChildren();
  for (const [name, key] of [['objective', 'total'], ['HAADF', 'haadf'], ['chemical', 'chemical'], ['TV', 'tv']])
    chart(name, result[key]);
}

// One request at a time: previews as long as parameters change, then the full resolution.
let version = 0, changed = 0, running = false, refining = null;
function touch() {
  ++version;
  changed = performance.now();
  $('saved').textContent = '';
  refining?.abort();
  if (!running) run();
}

async function fuse(preview, signal) {
  return unpack(await (await ask('fuse', {...values, preview}, signal)).arrayBuffer());
}

async function run() {
  running = true;
  for (let done = -1, tries = 0; done !== version;) {
    const own = version, since = changed;
    try {
      let result = await fuse(true);
      show(result, since);
      if (own === version && result.factor > 1) {
        refining = new AbortController();
        result = await fuse(false, refining.signal);
        show(result, since);
      }
      done = own;
      tries = 0;
    } catch (failure) {
      // A request that was given up may overtake this one; another page may, too, but not for ever.
      const again = failure.status === 409 && ++tries < 4;
      if (own === version && !again) say(failure.message, true);
      if (!again) done = own;
    }
    refining = null;
  }
  running = false;
}

async function save() {
  $('save').disabled = true;
  $('saved').textContent = 'saving …';
  try {
    const answer = await (await ask('save', values)).json();
    $('command').value = answer.command;
    $('saved').textContent = `saved to ${answer.folder}`;
  } catch (failure) {
    $('saved').textContent = '';
    say(failure.message, true);
  }
  $('save').disabled = false;
}

async function start() {
  info = await (await ask('info')).json();
  measured = unpack(await (await ask('measured')).arrayBuffer());
  document.title = `${info.title} · stemfuse explore`;
  $('title').textContent = info.title;
  $('size').textContent = `${info.elements.length} maps of ${info.rows} × ${info.columns}, stemfuse ${info.version}`;
  $('save').title = `Writes figures, maps and report to ${info.output}`;
  Object.assign(view, {x: info.columns / 2, y: info.rows / 2});
  addPairs();
  info.sliders.forEach(addSlider);
  layout();
  colourAll(true);
  new ResizeObserver(layout).observe($('maps'));
  $('maps').onkeydown = mapKeys;
  $('colours').onchange = $('same').onchange = () => colourAll(true);
  $('save').onclick = save;
  $('reset').onclick = () => { info.sliders.forEach(slider => slider.reset()); touch(); };
  $('copy').onclick = () => navigator.clipboard.writeText($('command').value);
  $('controls').onsubmit = event => event.preventDefault();
  for (const warning of info.warnings) element('p', $('warnings'), {textContent: warning});
  touch();
}

start().catch(failure => say(failure.message, true));
)script";

}  // namespace program
