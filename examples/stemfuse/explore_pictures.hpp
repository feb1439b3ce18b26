// What the page of stemfuse explore makes of numbers: limits, colours, pictures.
#pragma once

#include <string_view>

namespace program {

// Script.
inline constexpr std::string_view explore_pictures = R"script(
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
  if (!answer.ok) throw Object.assign(new Error((await answer.json()).error), {status: answer.status});
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
  const rawLimits = limitsOfMaps.map(limits => limits[0]), key = rawLimits.join();
  if (rawOverlay && rawOverlay.key !== key) mix(rawOverlay, measured, rawLimits);
  if (rawOverlay) rawOverlay.key = key;
  if (fusedOverlay && fused) mix(fusedOverlay, fused, limitsOfMaps.map(limits => limits[1]));
  draw();
}
)script";

}  // namespace program
