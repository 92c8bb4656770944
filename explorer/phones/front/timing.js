// Showing pictures for a given time, measured by the browser's clock, frame by frame.

// The next frame's time: what is changed before it returns is painted in that frame.
export const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

const LONGEST_FRAME_MS = 34; // of slow screens; what takes longer is a busy phone

// The first frame at which `ms` have passed since `start`, to the nearest frame.
export async function after(start, ms) {
  let previous = start;
  for (;;) {
    const now = await frame();
    if (now - start >= ms - Math.min(now - previous, LONGEST_FRAME_MS) / 2) return now;
    previous = now;
  }
}

export function only(stage, seen) {
  for (const child of stage.children) child.classList.toggle("seen", child === seen);
}

// Fixation, image, mask. `measured` is told when the image was painted and, once it is gone, for how
// long it was seen: between the frames that brought it and took it away.
export async function flash(stage, { image, mask, fixation }, timing, measured) {
  paintMask(mask);
  const start = await frame();
  only(stage, fixation);
  const painted = await after(start, timing.fixation_ms);
  only(stage, image);
  measured(painted);
  const gone = await after(painted, timing.image_ms);
  only(stage, mask);
  measured(painted, gone - painted);
  await after(gone, timing.mask_ms);
  only(stage, null);
}

// Noise with about the spectrum of photographs: random grids of every coarseness, added up.
function paintMask(canvas) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const sum = new Float32Array(width * height * 3).fill(127.5);
  let total = 0;
  for (let cell = 1; cell <= width / 2; cell *= 2) total += 1;
  for (let cell = 1; cell <= width / 2; cell *= 2) {
    const across = Math.ceil(width / cell);
    const grid = Float32Array.from({ length: across * Math.ceil(height / cell) * 3 }, () =>
      (Math.random() - 0.5) * (360 / Math.sqrt(total)));
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const from = (Math.floor(y / cell) * across + Math.floor(x / cell)) * 3;
        const to = (y * width + x) * 3;
        for (let channel = 0; channel < 3; channel += 1) sum[to + channel] += grid[from + channel];
      }
    }
  }
  const data = context.createImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    for (let channel = 0; channel < 3; channel += 1) data.data[pixel * 4 + channel] = sum[pixel * 3 + channel];
    data.data[pixel * 4 + 3] = 255;
  }
  context.putImageData(data, 0, 0);
}
