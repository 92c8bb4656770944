// A jsPsych plugin: one image and a choice between pictures or words, by button or key.
// With timing, the image is preceded by a fixation cross and followed by a mask; each phase is
// measured by the frames that showed it.
var IriForcedChoice = (function (jspsych) {
  "use strict";

  const { ParameterType } = jspsych;
  const info = {
    name: "iri-forced-choice",
    version: "1.0.0",
    parameters: {
      /** Address of the picture that is asked about. */
      image: { type: ParameterType.STRING, default: undefined },
      /** Objects {label, picture}: picture is an address, or null where the option is a word. */
      options: { type: ParameterType.COMPLEX, default: undefined, array: true },
      question: { type: ParameterType.STRING, default: undefined },
      /** {fixation_ms, image_ms, mask_ms}, or null: shown until it is answered. */
      timing: { type: ParameterType.OBJECT, default: null },
      /** Place of the right option, which is then told after the answer; null tells nothing. */
      correct: { type: ParameterType.INT, default: null },
      /** {before, keep}: for how many ms the image was seen before a reload; told at the next. */
      seen: { type: ParameterType.OBJECT, default: { before: 0, keep: () => {} } },
      /** Shown above the question, such as "3 of 20". */
      progress: { type: ParameterType.STRING, default: "" },
    },
    data: {
      /** Place of the chosen option among those shown, from 0. */
      position: { type: ParameterType.INT },
      /** Milliseconds from the first frame with the image to the answer. */
      rt: { type: ParameterType.FLOAT },
      /** Milliseconds for which the image was on screen, those before a reload included. */
      shown_ms: { type: ParameterType.FLOAT },
      /** Time of the answer, ISO 8601, UTC, by this device's clock. */
      answered_at: { type: ParameterType.STRING },
    },
    citations: { apa: "", bibtex: "" },
  };

  const SHOWN_SLACK_MS = 8; // half a frame at 60 Hz: the nearest frame to a duration is taken
  const NOISE_PX = 64;
  const MOST_KEYS = 9; // options beyond it have no number key

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  const nextFrame = () => new Promise(requestAnimationFrame);

  async function framesFor(start, milliseconds) {
    let now = start;
    while (now - start < milliseconds - SHOWN_SLACK_MS) now = await nextFrame();
    return now;
  }

  function mask() {
    const canvas = element("canvas", "iri-image");
    canvas.width = canvas.height = NOISE_PX;
    const context = canvas.getContext("2d");
    const noise = context.createImageData(NOISE_PX, NOISE_PX);
    for (let i = 0; i < noise.data.length; i++) {
      noise.data[i] = i % 4 === 3 ? 255 : Math.floor(Math.random() * 256);
    }
    context.putImageData(noise, 0, 0);
    return canvas;
  }

  async function decoded(address) {
    const image = element("img", "iri-image");
    image.src = address;
    image.alt = "The image that you are asked about";
    await image.decode();
    return image;
  }

  function optionButton(option, position, all) {
    const button = element("button", option.picture ? "iri-option" : "iri-option iri-word");
    button.type = "button";
    button.disabled = true;
    const name = option.picture ? `Choice ${position + 1}` : option.label;
    if (option.picture) {
      const picture = element("img");
      picture.src = option.picture;
      picture.alt = name;
      button.append(picture);
    } else {
      button.append(element("span", "iri-label", name));
    }
    if (all.length <= MOST_KEYS) {
      const key = element("span", "iri-key", String(position + 1));
      key.setAttribute("aria-hidden", "true");
      button.append(key);
    }
    return button;
  }

  class IriForcedChoice {
    constructor(jsPsych) {
      this.jsPsych = jsPsych;
    }

    trial(display, trial) {
      this.run(display, trial).then((data) => this.jsPsych.finishTrial(data));
    }

    async run(display, trial) {
      display.replaceChildren();
      const place = element("div", "iri-place");
      const options = element("div", "iri-options");
      options.classList.toggle("iri-several", trial.options.length > 2);
      options.classList.toggle("iri-many", trial.options.length > 6);
      options.setAttribute("role", "group");
      const question = element("h1", "iri-question", trial.question);
      question.id = "iri-question";
      options.setAttribute("aria-labelledby", question.id);
      const told = element("p", "iri-told");
      told.setAttribute("role", "status");
      const buttons = trial.options.map(optionButton);
      options.append(...buttons);
      display.append(element("p", "iri-progress", trial.progress), place, question, options, told);
      const image = await decoded(trial.image);
      const answer = this.answered(buttons);

      // What is put on the page within a frame's callback is shown by that very frame.
      let now = await nextFrame();
      let start = now;
      let shown = null;
      let painted = false;
      const total = (until) => Math.round(10 * (trial.seen.before + (shown ?? until - start))) / 10;
      const leave = () => painted && trial.seen.keep(total(performance.now()));
      addEventListener("pagehide", leave);
      if (trial.timing === null) {
        place.replaceChildren(image);
        painted = true;
      } else {
        options.classList.add("iri-waiting");
        place.replaceChildren(element("span", "iri-fixation", "+"));
        now = await framesFor(now, trial.timing.fixation_ms);
        place.replaceChildren(image);
        start = now;
        painted = true;
        now = await framesFor(now, trial.timing.image_ms);
        place.replaceChildren(mask());
        shown = now - start;
        await framesFor(now, trial.timing.mask_ms);
        place.replaceChildren();
        options.classList.remove("iri-waiting");
      }
      buttons.forEach((button) => (button.disabled = false));
      const { position, time } = await answer;
      removeEventListener("pagehide", leave);
      buttons.forEach((button) => (button.disabled = true));
      buttons[position].classList.add("iri-chosen");
      const data = {
        position,
        rt: Math.round(10 * (time - start)) / 10,
        shown_ms: total(time),
        answered_at: new Date().toISOString(),
      };
      if (trial.correct !== null) await this.feedback(display, buttons, trial.correct, position, told);
      display.replaceChildren();
      return data;
    }

    // The first click or key on an enabled option; both carry the time of the event.
    answered(buttons) {
      return new Promise((resolve) => {
        const choose = (position, time) => {
          if (!buttons[position] || buttons[position].disabled) return;
          document.removeEventListener("keydown", onKey);
          resolve({ position, time });
        };
        const onKey = (event) => {
          if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
          const arrows = buttons.length === 2 ? { ArrowLeft: 0, ArrowRight: 1 } : {};
          const position = event.key in arrows ? arrows[event.key] : Number(event.key) - 1;
          choose(position, event.timeStamp);
        };
        document.addEventListener("keydown", onKey);
        buttons.forEach((button, position) =>
          button.addEventListener("click", (event) => choose(position, event.timeStamp)),
        );
      });
    }

    async feedback(display, buttons, correct, position, told) {
      buttons[correct].classList.add("iri-right");
      told.textContent =
        position === correct ? "That is right." : "Not this time: the marked one is right.";
      const next = element("button", "jspsych-btn", "Continue");
      next.type = "button";
      display.append(next);
      next.focus();
      await new Promise((resolve) => next.addEventListener("click", resolve, { once: true }));
    }
  }
  IriForcedChoice.info = info;
  return IriForcedChoice;
})(jsPsychModule);
