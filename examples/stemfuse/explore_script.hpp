// The script of the page of stemfuse explore.
#pragma once

#include <string_view>

namespace program {

inline constexpr std::string_view explore_script = R"script(
'use strict';
const $ = id => document.getElementById(id);
const element = (tag, parent, properties = {}) => parent.appendChild(Object.assign(document.createElement(tag), properties));
let info, measured, fused;                  // what the page shows
let panels = [];                            // two for each image: measured and fused
const view = {x: 0, y: 0, zoom: 1};         // centre in pixels of the images
let cursor = null;                          // in pixels of the images
const values = {};                          // of the parameters
const overlay = -1;                         // the index of a panel that mixes the elements

// Answers of the program: a header with its images, see packed() of the program.
function unpack(buffer) {
  const length = new Uint32Array(buffer, 0, 1)[0];
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const count = head.rows * head.columns;
  head.images = head.ranges.map(([low, high], i) =>
    ({low, high, levels: new Uint16Array(buffer, 4 + length + 2 * count * i, count)}));
  return head;
}

async function ask(path, body, signal) {
  const post = {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body), signal};
  const answer = await fetch(path, body ? post : {});
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer;
}

// Limits of display: the percentiles 0.5 and 99.5, as in the figures.
function limitsOf(image) {
  const histogram = new Uint32Array(4096), {levels, low, high} = image;
  for (let k = 0; k < levels.length; ++k) histogram[levels[k] >> 4]++;
  const at = share => {
    let bin = 0, sum = 0;
    while (bin < 4095 && (sum += histogram[bin]) < share * levels.length) ++bin;
    return low + (high - low) * bin / 4095;
  };
  const limits = [at(0.005), at(0.995)];
  return limits[0] < limits[1] ? limits : low < high ? [low, high] : [Math.min(0, low), Math.max(1, high)];
}

function tableOf(anchors) {
  const table = new Uint32Array(256), bytes = new Uint8Array(table.buffer);
  for (let k = 0; k < 256; ++k) {
    const position = k / 255 * (anchors.length - 1), i = Math.min(Math.floor(position), anchors.length - 2);
    for (let c = 0; c < 3; ++c)
      bytes[4 * k + c] = Math.round(anchors[i][c] + (anchors[i + 1][c] - anchors[i][c]) * (position - i));
    bytes[4 * k + 3] = 255;
  }
  return table;
}

// Makes the picture of a panel of the colours that fill() writes.
function paint(panel, {columns, rows, factor}, fill) {
  if (panel.picture.width !== columns || panel.picture.height !== rows)
    Object.assign(panel.picture, {width: columns, height: rows});
  const context = panel.picture.getContext('2d'), data = context.createImageData(columns, rows);
  fill(new Uint32Array(data.data.buffer));
  context.putImageData(data, 0, 0);
  panel.factor = factor;
}

// What takes the levels of an image to 0 .. 255 between the limits, rounded down.
function toBytes(image, [low, high]) {
  const step = 255 / (high - low);
  return [step * (image.high - image.low) / 65535, step * (image.low - low) + 0.5];
}

function colour(panel, source, limits) {
  const image = source.images[panel.index], {levels} = image, {table} = panel, [a, b] = toBytes(image, limits);
  paint(panel, source, out => {
    for (let k = 0; k < out.length; ++k) {
      const t = levels[k] * a + b;
      out[k] = table[t < 0 ? 0 : t > 255 ? 255 : t | 0];
    }
  });
}

// Adds the hues of up to four elements.
function mix(panel, source, limits) {
  const count = source.rows * source.columns, sums = new Uint16Array(3 * count);
  for (let i = 1; i <= Math.min(4, info.elements.length); ++i) {
    const image = source.images[i], {levels} = image, [a, b] = toBytes(image, limits[i]);
    const [red, green, blue] = info.hues[i - 1].at(-1);
    for (let k = 0, at = 0; k < count; ++k, at += 3) {
      const t = Math.min(255, Math.max(0, levels[k] * a + b)) / 255;
      sums[at] += red * t;
      sums[at + 1] += green * t;
      sums[at + 2] += blue * t;
    }
  }
  paint(panel, source, out => {
    const bytes = new Uint8ClampedArray(out.buffer);
    for (let k = 0, at = 0; at < bytes.length; k += 3, at += 4) {
      bytes[at] = sums[k];
      bytes[at + 1] = sums[k + 1];
      bytes[at + 2] = sums[k + 2];
      bytes[at + 3] = 255;
    }
  });
}

function colourAll(both) {
  const palette = $('colours').value, limitsOfMaps = [];
  for (const [index, raw] of panels.entries()) {
    if (raw.fused || raw.index === overlay) continue;
    const pair = [raw, panels[index + 1]], i = raw.index;
    const anchors = i === 0 ? info.grey : palette === 'hues' ? info.hues[i - 1] : info[palette];
    const own = [raw.limits ??= limitsOf(measured.images[i]), fused ? limitsOf(fused.images[i]) : raw.limits];
    const common = [Math.min(own[0][0], own[1][0]), Math.max(own[0][1], own[1][1])];
    const limits = $('same').checked ? [common, common] : own;
    for (const [k, panel] of pair.entries()) {
      const source = k ? fused : measured, key = limits[k].join() + palette;
      if (!source || (!both && k === 0 && panel.key === key)) continue;
      if (panel.palette !== palette) Object.assign(panel, {table: tableOf(anchors), palette});
      colour(panel, source, limits[k]);
      panel.key = key;
    }
    limitsOfMaps[i] = limits;
  }
  const [rawOverlay, fusedOverlay] = panels.filter(panel => panel.index === overlay);
  if (rawOverlay) mix(rawOverlay, measured, limitsOfMaps.map(limits => limits[0]));
  if (fusedOverlay && fused) mix(fusedOverlay, fused, limitsOfMaps.map(limits => limits[1]));
  draw();
}

function clampView() {
  view.zoom = Math.min(Math.max(view.zoom, 1), Math.max(1, info.columns / 8));
  const halfX = info.columns / 2 / view.zoom, halfY = info.rows / 2 / view.zoom;
  view.x = Math.min(Math.max(view.x, halfX), info.columns - halfX);
  view.y = Math.min(Math.max(view.y, halfY), info.rows - halfY);
}

// A bar of 1, 2 or 5 times a power of ten of the image's unit.
function drawScaleBar(context, scale, width, height) {
  const pixel = info.pixel || 1, longest = 0.35 * width / scale * pixel;
  const power = 10 ** Math.floor(Math.log10(longest)), length = power * (longest >= 5 * power ? 5 : longest >= 2 * power ? 2 : 1);
  const size = 12 * devicePixelRatio, margin = 0.04 * width;
  context.fillStyle = '#fff';
  context.shadowColor = '#000';
  context.shadowBlur = 3 * devicePixelRatio;
  context.fillRect(margin, height - margin - size / 3, length / pixel * scale, size / 3);
  context.font = `${size}px sans-serif`;
  context.fillText(`${Number(length.toPrecision(3))} ${info.unit.replace(/^um$/, 'µm').replace(/^A$/, 'Å')}`,
                   margin, height - margin - size * 0.7);
  context.shadowBlur = 0;
}

function draw() {
  clampView();
  for (const [k, panel] of panels.entries()) {
    const {canvas, picture, factor} = panel, context = canvas.getContext('2d');
    const scale = canvas.width / info.columns * view.zoom;
    const left = canvas.width / 2 - view.x * scale, top = canvas.height / 2 - view.y * scale;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!factor) continue;
    context.imageSmoothingEnabled = scale < 1 || factor > 1;
    context.drawImage(picture, left, top, picture.width * factor * scale, picture.height * factor * scale);
    if (k === 0) drawScaleBar(context, scale, canvas.width, canvas.height);
    canvas.classList.toggle('preview', panel.fused && factor > 1);
    if (!cursor) continue;
    context.strokeStyle = '#fff';
    context.lineWidth = devicePixelRatio;
    context.strokeRect(left + (cursor.x - 4 / view.zoom) * scale, top + (cursor.y - 4 / view.zoom) * scale,
                       8 / view.zoom * scale, 8 / view.zoom * scale);
  }
  readOut();
}

// The numbers below the pointer, of every image.
function readOut() {
  for (const panel of panels) {
    const source = panel.fused ? fused : measured;
    let text = panel.fused && source?.factor > 1 ? 'preview' : '';
    if (cursor && source && panel.index >= 0) {
      const x = Math.floor(cursor.x / source.factor), y = Math.floor(cursor.y / source.factor);
      const image = source.images[panel.index], level = image.levels[y * source.columns + x];
      text = (image.low + (image.high - image.low) * level / 65535).toFixed(3);
    }
    panel.number.textContent = text;
  }
  $('place').textContent = (cursor ? `row ${Math.floor(cursor.y)}, column ${Math.floor(cursor.x)} ` : '') +
    (view.zoom > 1 ? `zoom ${view.zoom.toFixed(1)}` : '');
}

// The grid of pairs in which the images are largest.
function layout() {
  const area = $('maps'), n = panels.length / 2, aspect = info.columns / info.rows;
  let best = 0;
  for (let across = 1; across <= n; ++across) {
    const width = ((area.clientWidth - 12) / across - 20) / 2;
    const height = (area.clientHeight - 12) / Math.ceil(n / across) - 27;
    best = Math.max(best, Math.min(width, height * aspect));
  }
  best = Math.max(60, Math.floor(best));
  for (const {canvas} of panels) {
    canvas.style.width = `${best}px`;
    canvas.style.height = `${Math.round(best / aspect)}px`;
    canvas.parentElement.style.gridTemplateColumns = `${best}px ${best}px`;
    canvas.width = Math.round(best * devicePixelRatio);
    canvas.height = Math.round(best / aspect * devicePixelRatio);
  }
  draw();
}

function place(event) {
  const box = event.currentTarget.getBoundingClientRect(), scale = box.width / info.columns * view.zoom;
  const x = view.x + (event.clientX - box.left - box.width / 2) / scale;
  const y = view.y + (event.clientY - box.top - box.height / 2) / scale;
  return {x: Math.min(Math.max(x, 0), info.columns - 0.01), y: Math.min(Math.max(y, 0), info.rows - 0.01)};
}

function zoomAt(at, ratio) {
  const before = view.zoom;
  view.zoom *= ratio;
  clampView();
  view.x = at.x + (view.x - at.x) * before / view.zoom;
  view.y = at.y + (view.y - at.y) * before / view.zoom;
  draw();
}

function showAll() {
  Object.assign(view, {zoom: 1});
  draw();
}

function addPanel(figure, caption, name, index, isFused) {
  const canvas = element('canvas', figure);
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `${name}, ${isFused ? 'fused' : 'raw'}`);
  const number = element('span', caption);
  panels.push({canvas, index, fused: isFused, picture: document.createElement('canvas'), number, factor: 0});
  canvas.onpointermove = event => {
    if (canvas.hasPointerCapture(event.pointerId)) {
      const scale = canvas.getBoundingClientRect().width / info.columns * view.zoom;
      view.x -= event.movementX / scale;
      view.y -= event.movementY / scale;
    }
    cursor = place(event);
    draw();
  };
  canvas.onpointerdown = event => canvas.setPointerCapture(event.pointerId);
  canvas.onpointerleave = () => { cursor = null; draw(); };
  canvas.ondblclick = showAll;
  canvas.addEventListener('wheel', event => {
    event.preventDefault();
    zoomAt(place(event), 1.002 ** -event.deltaY);
  }, {passive: false});
}

function addPairs() {
  const names = ['HAADF', ...info.elements].map((name, index) => [name, index]);
  if (names.length > 2) names.push([info.elements.slice(0, 4).join('+'), overlay]);
  for (const [name, index] of names) {
    const figure = element('figure', $('maps'), {className: 'pair'});
    const captions = ['raw', index ? 'fused' : 're-projected'].map(kind => {
      const caption = element('div', figure);
      element('span', caption).append(Object.assign(document.createElement('b'), {textContent: name}), ' ' + kind);
      return caption;
    });
    addPanel(figure, captions[0], name, index, false);
    addPanel(figure, captions[1], name, index, true);
  }
}

function mapKeys(event) {
  const step = 0.1 / view.zoom;
  const moves = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]};
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (moves[event.key]) {
    view.x += moves[event.key][0] * info.columns;
    view.y += moves[event.key][1] * info.rows;
  } else if (event.key === '+' || event.key === '=') {
    view.zoom *= 1.25;
  } else if (event.key === '-') {
    view.zoom /= 1.25;
  } else if (event.key === '0') {
    view.zoom = 1;
  } else {
    return;
  }
  event.preventDefault();
  draw();
}

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
  for (let done = -1; done !== version;) {
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
    } catch (failure) {
      if (own === version) say(failure.message, true);
      done = own;
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
  if (info.warnings.length) $('saved').textContent = 'warning: ' + info.warnings.join('; ');
  touch();
}

start().catch(failure => say(failure.message, true));
)script";

}  // namespace program
