// How the page of stemfuse explore shows its pictures: a grid with linked zoom.
#pragma once

#include <string_view>

namespace program {

// Script.
inline constexpr std::string_view explore_view = R"script(
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
)script";

}  // namespace program
