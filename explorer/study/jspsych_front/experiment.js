// One participant's way: consent, practice, the trials of their list, and where the answers go.
"use strict";

const PARTICIPANT = /^[A-Za-z0-9]{1,40}$/;

function randomHex(bytes) {
  const values = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(values, (value) => value.toString(16).padStart(2, "0")).join("");
}

function randomList(lists) {
  return Math.floor((crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32) * lists);
}

function escaped(text) {
  const holder = document.createElement("span");
  holder.textContent = text;
  return holder.innerHTML;
}

function parameters() {
  const page = Object.fromEntries(new URLSearchParams(location.search));
  return typeof jatos === "undefined" ? page : { ...page, ...jatos.urlQueryParameters };
}

async function json(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response.json();
}

function screenOf(html, choices) {
  return { type: jsPsychHtmlButtonResponse, stimulus: html, choices, button_layout: "flex" };
}

// One after the other: jsPsych appends to the page what it shows in each run.
function run(jsPsych, steps) {
  document.body.replaceChildren();
  return jsPsych.run(steps);
}

async function participate() {
  const experiment = await json("experiment.json");
  document.title = experiment.title;
  const given = parameters();
  const named = PARTICIPANT.test(given.participant ?? "") ? given.participant : null;
  const saving = new Saving(experiment, named);
  const known = saving.recalled();
  const jsPsych = initJsPsych();

  if (known !== null) saving.resume(known);
  else {
    const wanted = /^\d+$/.test(given.list ?? "") ? Number(given.list) : -1;
    const list = wanted >= 0 && wanted < experiment.lists ? wanted : randomList(experiment.lists);
    saving.begin(named ?? randomHex(8), list);
  }
  const { participant, list, answers } = saving.record;
  const trials = await json(`lists/${list}.json`);
  const answered = new Set(answers.map((answer) => answer.trial));
  const left = trials.filter((trial) => !answered.has(trial.number));
  if (left.length > 0) await run(jsPsych, timeline(experiment, saving, trials, left));
  await end(jsPsych, experiment, saving);
}

function timeline(experiment, saving, trials, left) {
  const { participant, list, answers } = saving.record;
  const pictures = left.flatMap((trial) => [
    trial.image,
    ...trial.options.flatMap((option) => (option.picture ? [option.picture] : [])),
  ]);
  const steps = [
    {
      type: jsPsychPreload,
      images: [...new Set(pictures)],
      message: "<p>Loading the pictures …</p>",
      error_message: "<p>The pictures cannot be loaded. Please reload this page.</p>",
    },
  ];
  if (answers.length === 0) {
    const paragraphs = experiment.consent.map((text) => `<p>${escaped(text)}</p>`).join("");
    const title = `<h1>${escaped(experiment.title)}</h1>`;
    steps.push(screenOf(title + paragraphs, ["I agree, begin"]));
  }
  let practice = left[0].kind === "practice";
  for (const trial of left) {
    if (practice && trial.kind !== "practice") {
      practice = false;
      steps.push(
        screenOf("<p>That was practice. From here on, nothing is marked as right.</p>", [
          "Go on",
        ]),
      );
    }
    steps.push({
      type: IriForcedChoice,
      image: trial.image,
      options: trial.options,
      question: experiment.question,
      timing: experiment.timing,
      correct: trial.correct ?? null,
      seen: {
        before: saving.seen(trial.number),
        keep: (ms) => saving.keepSeen(trial.number, ms),
      },
      progress:
        (trial.kind === "practice" ? "Practice, " : "") + `${trial.number + 1} of ${trials.length}`,
      data: { experiment: experiment.id, participant, list, trial: trial.number },
      on_finish: (data) => saving.add(data),
    });
  }
  return steps;
}

async function end(jsPsych, experiment, saving) {
  const show = async (html, choices) => {
    await run(jsPsych, [screenOf(html, choices)]);
    return jsPsych.data.get().last(1).values()[0].response;
  };
  const isLocal = typeof jatos === "undefined" && !experiment.send_to;
  if (!isLocal && !saving.record.delivered) {
    document.body.replaceChildren(paragraph("Sending your answers …"));
    while (!(await saving.deliver())) {
      const chosen = await show(
        "<h1>Your answers are not sent yet</h1><p>They are kept in this browser. Please check the " +
          "connection and try again, or download them for whoever asked you.</p>",
        ["Try again", "Download my answers"],
      );
      if (chosen === 1) saving.download();
      document.body.replaceChildren(paragraph("Sending your answers …"));
    }
  }
  if (typeof jatos !== "undefined") {
    jatos.endStudy(true);
    return;
  }
  const thanks = "<h1>Thank you</h1>";
  if (!isLocal) {
    await show(`${thanks}<p>Your answers have been sent. You can close this page.</p>`, []);
    return;
  }
  const text = `${thanks}<p>Your answers are in this browser. Download them and give the file to whoever
    asked you.</p>`;
  while ((await show(text, ["Download my answers", "Next participant"])) === 0) saving.download();
  saving.forget();
  location.reload();
}

function paragraph(text) {
  const made = document.createElement("p");
  made.setAttribute("role", "status");
  made.textContent = text;
  return made;
}

function failed(error) {
  document.body.replaceChildren(
    paragraph(
      "This experiment cannot be loaded. Please reload this page, or tell whoever asked you. " +
        `(${error.message})`,
    ),
  );
}

window.addEventListener("load", () => {
  const begin = () => participate().catch(failed);
  if (typeof jatos === "undefined") begin();
  else jatos.onLoad(begin);
});
